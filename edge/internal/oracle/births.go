package oracle

import (
	"context"
	"errors"
	"sync"
	"time"

	"spike/luascripts"
)

// births finds the sale a token speaks of by its birth, which is all a token says of it: one look-up in the store, once.
type births struct {
	life  context.Context
	store luascripts.Store
	sales *Sales // those open on this edge need no look-up

	places chan struct{} // for those who ask the store

	mu      sync.Mutex
	known   map[uint64]luascripts.Found // ever seen; that one is there no more, the store says itself
	gone    map[uint64]time.Time
	doubts  map[uint64]time.Time // since when another history denies it
	looking map[uint64]*birthLook
	waiting int
}

// birthLook is one look-up. What it found may be read once done is closed.
type birthLook struct {
	done  chan struct{}
	found luascripts.Found
	err   error
}

// Limits of looking for births: a crowd with tokens of a removed sale must not become a crowd at Redis.
const (
	maxLookingFor = 4096             // callers that wait
	maxGone       = 4096             // births remembered as gone
	goneFor       = 10 * time.Second // and for how long: a sale whose hash was lost may be mended
	doubtFor      = 10 * time.Second // another history that does not know a sale may be the wrong one, and not for long
	maxKnown      = 4096             // births
)

func newBirths(life context.Context, store luascripts.Store, sales *Sales) *births {
	return &births{life: life, store: store, sales: sales, places: make(chan struct{}, maxLookups),
		known: map[uint64]luascripts.Found{}, gone: map[uint64]time.Time{}, doubts: map[uint64]time.Time{},
		looking: map[uint64]*birthLook{}}
}

// find is the name of the sale born then; luascripts.ErrNoSale: there is none any more. Any other error: nobody knows.
func (b *births) find(birth uint64) (string, error) {
	l, mine, err := b.join(birth)
	if err != nil {
		return "", err
	}
	defer b.leave()
	if mine {
		l.found, l.err = b.ask(birth)
		b.learn(birth, l)
	}
	select {
	case <-l.done:
		return l.found.Sale, l.err
	case <-b.life.Done():
		return "", b.life.Err()
	}
}

// join says what is known of a birth, or which look-up will tell; mine: the caller must make it.
func (b *births) join(birth uint64) (l *birthLook, mine bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	until, gone := b.gone[birth]
	switch f, seen := b.known[birth]; {
	case seen:
		l = &birthLook{done: make(chan struct{}), found: f}
		close(l.done)
	case gone && time.Now().Before(until):
		return nil, false, luascripts.ErrNoSale
	case b.waiting == maxLookingFor:
		return nil, false, errBusy
	default:
		if l = b.looking[birth]; l == nil {
			l, mine = &birthLook{done: make(chan struct{})}, true
			b.looking[birth] = l
		}
	}
	b.waiting++
	return l, mine, nil
}

func (b *births) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting--
}

// ask looks among the sales open here, then in the store, from one of the few places there are.
func (b *births) ask(birth uint64) (luascripts.Found, error) {
	for name, sale := range b.sales.all() {
		if sale.birth == birth {
			return luascripts.Found{Sale: name, Era: sale.View().Era}, nil
		}
	}
	select {
	case b.places <- struct{}{}:
		defer func() { <-b.places }()
	default:
		wait := time.NewTimer(lookWait)
		defer wait.Stop()
		select {
		case b.places <- struct{}{}:
			defer func() { <-b.places }()
		case <-wait.C:
			return luascripts.Found{}, errBusy
		case <-b.life.Done():
			return luascripts.Found{}, b.life.Err()
		}
	}
	return b.store.Born(b.life, birth)
}

// learn keeps what a look-up found, and tells those who wait for it.
func (b *births) learn(birth uint64, l *birthLook) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.looking, birth)
	switch {
	case l.err == nil:
		if len(b.known) >= maxKnown {
			clear(b.known)
		}
		b.known[birth] = l.found
	case errors.Is(l.err, luascripts.ErrNoSale):
		if len(b.gone) >= maxGone {
			clear(b.gone)
		}
		b.gone[birth] = time.Now().Add(goneFor)
	}
	close(l.done)
}

// doubtful says that a refusal comes from another history than the one the sale was seen in: in a fail-over the wrong
// server may answer for a moment.
func (b *births) doubtful(birth uint64, err error) bool {
	var r *luascripts.Refusal
	if !errors.As(err, &r) {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.known[birth]
	if sale := b.sales.all()[k.Sale]; sale != nil && sale.birth == birth {
		k.Era = sale.View().Era
	}
	if k.Sale == "" || k.Era == r.Era {
		return false
	}
	since, doubted := b.doubts[birth]
	if now := time.Now(); !doubted || now.Sub(since) > 2*doubtFor {
		if len(b.doubts) > maxKnown {
			clear(b.doubts)
		}
		since, b.doubts[birth] = now, now
	}
	return time.Since(since) < doubtFor
}
