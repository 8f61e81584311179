package oracle

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"github.com/valyala/fasthttp"

	"spike/luascripts"
)

var (
	// ErrIdempotencyKey says that a request's Idempotency-Key cannot be used: 400.
	ErrIdempotencyKey = errors.New("not a usable Idempotency-Key")
	// ErrInFlight says that a request with the same key is being answered here: 409.
	ErrInFlight = errors.New("a request with this Idempotency-Key is under way")
	// ErrTooManyInFlight says that nothing was done, for want of room: 503.
	ErrTooManyInFlight = errors.New("too many requests with an Idempotency-Key are under way")
)

const (
	maxKeyText  = 255
	minAnonKey  = 22      // characters: 128 random bits in base64
	maxInFlight = 1 << 16 // more than the buys that may wait on an edge
)

// idempotencyKey reads the request's key; zero: there is none. What counts is the text as sent; the quotes that the
// IETF's draft puts around it are a part of it.
func idempotencyKey(h *fasthttp.RequestHeader, who Identity) (luascripts.IdempotencyKey, error) {
	caller, err := readCaller(h)
	if err != nil || caller.key == nil {
		return luascripts.IdempotencyKey{}, err
	}
	if !isKeyText(caller.key) {
		return luascripts.IdempotencyKey{}, fmt.Errorf("%w: it is 1 to %d visible ASCII characters", ErrIdempotencyKey, maxKeyText)
	}
	if !who.Known && len(unquoted(caller.key)) < minAnonKey {
		return luascripts.IdempotencyKey{}, fmt.Errorf("%w: from a buyer without a name it is %d random characters or more",
			ErrIdempotencyKey, minAnonKey)
	}
	return keyOf(who.Buyer, caller.key), nil
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
func keyOf(buyer luascripts.Buyer, text []byte) luascripts.IdempotencyKey {
	var room [1 + len(buyer) + maxKeyText]byte
	b := append(room[:0], byte(len(buyer)))
	b = append(b, buyer[:]...)
	sum := sha256.Sum256(append(b, text...))
	key := luascripts.IdempotencyKey(sum[:])
	if key == (luascripts.IdempotencyKey{}) { // which would mean that none was sent
		key[len(key)-1] = 1
	}
	return key
}

// inFlight are the keys of requests that this edge is answering. A plain mutex: each of them asks Redis anyway.
type inFlight struct {
	mu   sync.Mutex
	keys map[luascripts.IdempotencyKey]struct{}
}

// enter notes the key until leave, unless it is noted: ErrInFlight, ErrTooManyInFlight.
func (f *inFlight) enter(key luascripts.IdempotencyKey) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, there := f.keys[key]; there {
		return ErrInFlight
	}
	if len(f.keys) >= maxInFlight {
		return ErrTooManyInFlight
	}
	if f.keys == nil {
		f.keys = make(map[luascripts.IdempotencyKey]struct{})
	}
	f.keys[key] = struct{}{}
	return nil
}

// leave is for whom enter let in, and nobody else.
func (f *inFlight) leave(key luascripts.IdempotencyKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.keys, key)
}
