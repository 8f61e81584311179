package buy

import (
	"errors"
	"sync"

	"spike/luascripts/ledger"
)

var (
	// errInFlight says that a request with the same key is being answered here: 409.
	errInFlight = errors.New("a request with this Idempotency-Key is under way")
	// errTooMany says that there is no room for another key, and nothing was done: 503.
	errTooMany = errors.New("too many requests with an Idempotency-Key are under way")
)

const maxInFlight = 1 << 16 // more than the buys that may wait on an edge

// inFlight is the keys of requests that this edge is answering. A mutex is cheap enough, because each of these requests calls the
// store.
type inFlight struct {
	mu   sync.Mutex
	keys map[ledger.IdempotencyKey]struct{}
}

// enter notes a key until leave. It fails with errInFlight if the key is noted already, and with errTooMany if there is no room.
func (f *inFlight) enter(key ledger.IdempotencyKey) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, there := f.keys[key]; there {
		return errInFlight
	}
	if len(f.keys) >= maxInFlight {
		return errTooMany
	}
	if f.keys == nil {
		f.keys = make(map[ledger.IdempotencyKey]struct{})
	}
	f.keys[key] = struct{}{}
	return nil
}

// leave forgets a key. Only the caller whose enter succeeded may call it.
func (f *inFlight) leave(key ledger.IdempotencyKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.keys, key)
}
