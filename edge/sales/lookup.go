package sales

import (
	"context"
	"errors"
	"sync"
	"time"

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
	Ask   func(K) (V, error)            // calls the store
	Keep  func(K, V)                    // gets a value that was found, before any caller does
	Lasts func(err error) time.Duration // how long an error is believed
	First func(K) (V, bool, error)      // runs before Ask, if not nil: it may find the value, wait, or fail
	Most  int                           // callers that may wait; 0: all

	calls semaphore

	mu      sync.Mutex
	looking map[K]*look[V]
	missing map[K]miss
	waiting int
}

// look is one look-up. Its result may be read once done is closed.
type look[V any] struct {
	done  chan struct{}
	found V
	err   error
}

type miss struct {
	err   error
	until time.Time
}

func newLookup[K comparable, V any](l *lookup[K, V]) *lookup[K, V] {
	l.calls, l.looking, l.missing = make(semaphore, maxLookups), map[K]*look[V]{}, map[K]miss{}
	return l
}

// Find is the value that is known here, or the one that the store has. It fails with ErrBusy if the store was not asked.
func (l *lookup[K, V]) Find(key K) (found V, err error) {
	one, mine, err := l.join(key)
	if err != nil || one.done == nil { // known already; otherwise one.found belongs to the caller that asks, until done is closed
		return one.found, err
	}
	defer l.leave()
	if mine {
		one.found, one.err = l.ask(key)
		l.learn(key, one)
	}
	select {
	case <-one.done:
		return one.found, one.err
	case <-l.Life.Done():
		return found, l.Life.Err()
	}
}

// join finds the value of a key, or the look-up of it that is under way. If mine, none was, and the caller must look.
func (l *lookup[K, V]) join(key K) (one *look[V], mine bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one = &look[V]{}
	var known bool
	if one.found, known = l.Known(key); known {
		return one, false, nil
	}
	if m, ok := l.missing[key]; ok && time.Now().Before(m.until) {
		return one, false, m.err
	}
	if l.Most > 0 && l.waiting == l.Most {
		return one, false, ErrBusy
	}
	l.waiting++
	if other := l.looking[key]; other != nil {
		return other, false, nil
	}
	one.done = make(chan struct{})
	l.looking[key] = one
	return one, true, nil
}

func (l *lookup[K, V]) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting--
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

// learn notes the result of a look-up, and wakes the callers that wait for it.
func (l *lookup[K, V]) learn(key K, one *look[V]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.looking, key)
	if one.err == nil {
		l.Keep(key, one.found)
	} else if d := l.Lasts(one.err); d > 0 {
		if len(l.missing) >= maxMissing {
			clear(l.missing)
		}
		l.missing[key] = miss{one.err, time.Now().Add(d)}
	}
	close(one.done)
}

const missFor = 250 * time.Millisecond // how long a name is believed to be missing

// refusedLasts is how long a refusal of the store is believed. Other errors say nothing about a sale.
func refusedLasts(err error) time.Duration {
	if _, refused := errors.AsType[*ledger.Refusal](err); refused {
		return missFor
	}
	return 0
}
