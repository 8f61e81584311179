package sales

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"spike/luascripts/ledger"
)

// Limits of look-ups. Many requests for things that do not exist must not become many calls to the store.
const (
	maxLookups = 64          // calls at a time
	lookWait   = time.Second // how long a look-up waits for its call
	maxMissing = 4096        // keys remembered as missing
)

// ErrBusy says that too many look-ups are under way already.
var ErrBusy = errors.New("too many look-ups")

// lookup finds the value of a key. Callers who ask for the same key share one call to the store.
type lookup[K comparable, V any] struct {
	Life  context.Context               // its end ends all waiting
	Known func(K) (V, bool)             // finds a value without a call
	Ask   func(K) (V, error)            // calls the store, and ends with Life
	Keep  func(K, V)                    // gets a value that was found, before any caller does
	Lasts func(err error) time.Duration // how long an error is believed
	First func(K) (V, bool, error)      // runs before Ask, if not nil: it may find the value, wait, or fail
	Most  int64                         // callers that may wait; 0: all

	calls   semaphore
	shared  singleflight.Group
	waiting atomic.Int64

	mu      sync.Mutex
	missing map[K]miss
}

type miss struct {
	err   error
	until time.Time
}

func newLookup[K comparable, V any](l *lookup[K, V]) *lookup[K, V] {
	l.calls, l.missing = make(semaphore, maxLookups), map[K]miss{}
	return l
}

// Find is the value that is known here, or the one that the store has. It fails with ErrBusy if the store was not asked.
func (l *lookup[K, V]) Find(key K) (found V, err error) {
	found, known, err := l.known(key)
	if known {
		return found, err
	}
	defer l.waiting.Add(-1)
	if waiting := l.waiting.Add(1); l.Most > 0 && waiting > l.Most {
		return found, ErrBusy
	}
	got, err, _ := l.shared.Do(fmt.Sprint(key), func() (any, error) { return l.look(key) })
	found, _ = got.(V)
	return found, err
}

// known is what is known here about a key: its value, or why it is missing.
func (l *lookup[K, V]) known(key K) (found V, known bool, err error) {
	if found, known = l.Known(key); known {
		return found, true, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.missing[key]
	return found, time.Now().Before(m.until), m.err
}

// look asks for a key, unless the look before has just found out about it, and notes the result.
func (l *lookup[K, V]) look(key K) (V, error) {
	found, known, err := l.known(key)
	if known {
		return found, err
	}
	if found, err = l.ask(key); err == nil {
		l.Keep(key, found)
	} else if d := l.Lasts(err); d > 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.missing) >= maxMissing {
			clear(l.missing)
		}
		l.missing[key] = miss{err, time.Now().Add(d)}
	}
	return found, err
}

// ask waits for First, and until it may call the store.
func (l *lookup[K, V]) ask(key K) (found V, err error) {
	if l.First != nil {
		if known, ok, err := l.First(key); ok || err != nil {
			return known, err
		}
	}
	if err = l.calls.acquire(l.Life, lookWait); err != nil {
		return found, err
	}
	defer l.calls.release()
	return l.Ask(key)
}

const missFor = 250 * time.Millisecond // how long a name is believed to be missing

// refusedLasts is how long a refusal of the store is believed. Other errors say nothing about a sale.
func refusedLasts(err error) time.Duration {
	if _, refused := errors.AsType[*ledger.Refusal](err); refused {
		return missFor
	}
	return 0
}
