package identity

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"spike/luascripts/ledger"
)

// ErrIdempotencyKey says that a request's Idempotency-Key cannot be used: 400.
var ErrIdempotencyKey = errors.New("not a usable Idempotency-Key")

const (
	maxKeyText = 255
	minAnonKey = 22 // characters: 128 random bits in base64
)

// idempotencyKey reads the request's key. Zero means that there is none. The key is the text as it was sent, with the quotes that
// the IETF's draft puts around it.
func idempotencyKey(text []byte, who Identity) (none ledger.IdempotencyKey, err error) {
	switch {
	case text == nil:
		return none, nil
	case !isKeyText(text):
		return none, fmt.Errorf("%w: it is 1 to %d visible ASCII characters", ErrIdempotencyKey, maxKeyText)
	case !who.Known && len(unquoted(text)) < minAnonKey:
		return none, fmt.Errorf("%w: from a buyer without a name it is %d random characters or more", ErrIdempotencyKey, minAnonKey)
	}
	return keyOf(who.Buyer, text), nil
}

func isKeyText(text []byte) bool {
	odd := func(c byte) bool { return c <= ' ' || c > '~' }
	return len(text) > 0 && len(text) <= maxKeyText && !slices.ContainsFunc(text, odd)
}

// unquoted is the part of a key that may be random.
func unquoted(text []byte) []byte {
	if n := len(text); n >= 2 && text[0] == '"' && text[n-1] == '"' {
		return text[1 : n-1]
	}
	return text
}

// keyOf is the ledger's name of a key. The hash includes the buyer after its length, so equal keys of two buyers are two keys.
// Every edge must compute the same name.
func keyOf(buyer ledger.Buyer, text []byte) ledger.IdempotencyKey {
	var room [1 + len(buyer) + maxKeyText]byte
	b := append(room[:0], byte(len(buyer)))
	b = append(b, buyer[:]...)
	sum := sha256.Sum256(append(b, text...))
	key := ledger.IdempotencyKey(sum[:])
	if key == (ledger.IdempotencyKey{}) { // zero means that no key was sent
		key[len(key)-1] = 1
	}
	return key
}
