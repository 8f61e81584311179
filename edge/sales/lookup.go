package sales

import (
	"context"
	"errors"
	"sync"
	"time"

	"spike/luascripts/ledger"
)

// Limits of looking things up: a crowd that asks for what does not exist must not become a crowd at the store.
const (
	maxLookups = 64          // at once
	lookWait   = time.Second // for one's turn
	maxMissing = 4096        // keys remembered as missing
)

// ErrBusy says that too many look-ups are under way already.
var ErrBusy = errors.New("too many look-ups")

// lookup finds what is not known here. Callers who ask for the same key share one call to the store.
type lookup[K comparable, V any] struct {
	Life  context.Context               // ends all waiting
	Known func(K) (V, bool)             // without asking
	Ask   func(K) (V, error)            // the store
	Keep  func(K, V)                    // what was found, before anybody is told
	Lasts func(err error) time.Duration // how long an error is believed
	First func(K) (V, bool, error)      // tried before the store is asked, if not nil: it may know, wait, or give up
	Most  int                           // callers that may wait; 0: all

	slots chan struct{} // of those who ask

	mu      sync.Mutex
	looking map[K]*look[V]
	missing map[K]miss
	waiting int
}

// look is one look-up. What it found may be read once done is closed.
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
	l.slots, l.looking, l.missing = make(chan struct{}, maxLookups), map[K]*look[V]{}, map[K]miss{}
	return l
}

// Find is what is known, or what the store says. ErrBusy: it was not asked.
func (l *lookup[K, V]) Find(key K) (found V, err error) {
	one, mine, err := l.join(key)
	if err != nil || one.done == nil { // known already; else what is found is the asker's to write, until done
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

// join finds out what is known of a key, or who is looking; mine: nobody, so the caller must.
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

// ask waits for its turn, and for one of the few slots from which the store is asked.
func (l *lookup[K, V]) ask(key K) (found V, err error) {
	if l.First != nil {
		if known, ok, err := l.First(key); ok || err != nil {
			return known, err
		}
	}
	if err = enter(l.Life, l.slots, lookWait); err != nil {
		return found, err
	}
	defer func() { <-l.slots }()
	return l.Ask(key)
}

// enter takes one of the slots, and waits for it no longer than that: ErrBusy.
func enter(life context.Context, slots chan struct{}, wait time.Duration) error {
	select {
	case slots <- struct{}{}:
		return nil
	default:
	}
	late := time.NewTimer(wait)
	defer late.Stop()
	select {
	case slots <- struct{}{}:
		return nil
	case <-late.C:
		return ErrBusy
	case <-life.Done():
		return life.Err()
	}
}

// learn notes what a look-up came to, and tells those who wait for it.
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

const missFor = 250 * time.Millisecond // a name is believed to be missing

// refusedLasts is how long a refusal of the store is believed. Other errors say nothing of a sale.
func refusedLasts(err error) time.Duration {
	var refusal *ledger.Refusal
	if errors.As(err, &refusal) {
		return missFor
	}
	return 0
}
