package identity

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"spike/luascripts/ledger"
)

// ErrIdempotencyKey says that a request's Idempotency-Key cannot be used: 400.
var ErrIdempotencyKey = errors.New("not a usable Idempotency-Key")

const (
	maxKeyText = 255
	minAnonKey = 22 // characters: 128 random bits in base64
)

// idempotencyKey reads the request's key; zero: there is none. What counts is the text as sent; the quotes that the
// IETF's draft puts around it are a part of it.
func idempotencyKey(text []byte, who Identity) (ledger.IdempotencyKey, error) {
	if text == nil {
		return ledger.IdempotencyKey{}, nil
	}
	if !isKeyText(text) {
		return ledger.IdempotencyKey{}, fmt.Errorf("%w: it is 1 to %d visible ASCII characters", ErrIdempotencyKey, maxKeyText)
	}
	if !who.Known && len(unquoted(text)) < minAnonKey {
		return ledger.IdempotencyKey{}, fmt.Errorf("%w: from a buyer without a name it is %d random characters or more",
			ErrIdempotencyKey, minAnonKey)
	}
	return keyOf(who.Buyer, text), nil
}

func isKeyText(text []byte) bool {
	if len(text) == 0 || len(text) > maxKeyText {
		return false
	}
	for _, c := range text {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// unquoted is what may be random of a key.
func unquoted(text []byte) []byte {
	if n := len(text); n >= 2 && text[0] == '"' && text[n-1] == '"' {
		return text[1 : n-1]
	}
	return text
}

// keyOf is what the ledger calls a key: the buyer is hashed with it, after its length, so that two buyers' equal keys
// are two keys. Every edge must compute the same.
func keyOf(buyer ledger.Buyer, text []byte) ledger.IdempotencyKey {
	var room [1 + len(buyer) + maxKeyText]byte
	b := append(room[:0], byte(len(buyer)))
	b = append(b, buyer[:]...)
	sum := sha256.Sum256(append(b, text...))
	key := ledger.IdempotencyKey(sum[:])
	if key == (ledger.IdempotencyKey{}) { // which would mean that none was sent
		key[len(key)-1] = 1
	}
	return key
}
