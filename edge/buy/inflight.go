package buy

import (
	"errors"
	"sync"

	"spike/luascripts/ledger"
)

var (
	// errInFlight says that a request with the same key is being answered here: 409.
	errInFlight = errors.New("a request with this Idempotency-Key is under way")
	// errTooMany says that nothing was done, for want of room: 503.
	errTooMany = errors.New("too many requests with an Idempotency-Key are under way")
)

const maxInFlight = 1 << 16 // more than the buys that may wait on an edge

// inFlight are the keys of requests that this edge is answering. A plain mutex: each of them asks Redis anyway.
type inFlight struct {
	mu   sync.Mutex
	keys map[ledger.IdempotencyKey]struct{}
}

// enter notes the key until leave, unless it is noted: errInFlight, errTooMany.
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

// leave is for whom enter let in, and nobody else.
func (f *inFlight) leave(key ledger.IdempotencyKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.keys, key)
}
