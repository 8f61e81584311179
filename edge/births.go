package edge

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"spike/luascripts"
)

// births finds the sale a token speaks of by its birth, which is all a token says of it. A token is made after its sale
// and no birth is given twice, so what a look at the store did not find, begun after the question, is gone.
type births struct {
	life  context.Context
	store luascripts.Store
	sales *Sales // those open on this edge need no look

	turn  sync.Mutex // one look at a time
	begun time.Time  // the newest; turn's

	mu      sync.Mutex
	known   map[uint64]known // ever seen; that one is there no more, the store says itself
	gone    map[uint64]time.Time
	doubts  map[uint64]time.Time // since when another history denies it
	next    *census              // the look that has not begun yet
	waiting int
}

// known is a sale, and the store's history in which it was seen.
type known struct {
	name string
	era  uint64
}

// census is one look at all sales. What it found may be read once done is closed.
type census struct {
	done  chan struct{}
	names map[uint64]known
	whole bool // every sale there is said its birth
	err   error
}

// Limits of looking for births: a crowd with tokens of a removed sale must not become a crowd at Redis.
const (
	lookEvery     = time.Second      // at most, in all
	lookFor       = 5 * time.Second  // at most, at all sales
	maxLookingFor = 4096             // callers that wait for the next look
	maxGone       = 4096             // births remembered as gone
	goneFor       = 10 * time.Second // and for how long: a sale whose hash was lost may be mended
	doubtFor      = 10 * time.Second // another history that does not know a sale may be the wrong one, and not for long
	maxKnown      = 4096             // births
)

func newBirths(life context.Context, store luascripts.Store, sales *Sales) *births {
	return &births{life: life, store: store, sales: sales, known: map[uint64]known{}, gone: map[uint64]time.Time{},
		doubts: map[uint64]time.Time{}}
}

// find is the name of the sale born then; luascripts.ErrNoSale: there is none any more. Any other error: nobody knows.
func (b *births) find(birth uint64) (string, error) {
	for name, sale := range b.sales.all() {
		if sale.birth == birth {
			b.learn(map[uint64]known{birth: {name, sale.View().Era}})
			return name, nil
		}
	}
	name, look, mine, err := b.join(birth)
	if look == nil {
		return name, err
	}
	defer b.leave()
	if mine {
		b.look(look)
	}
	select {
	case <-look.done:
		return b.conclude(birth, look)
	case <-b.life.Done():
		return "", b.life.Err()
	}
}

// join says what is known of a birth, or which look will tell; mine: the caller must take it.
func (b *births) join(birth uint64) (name string, look *census, mine bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if k, seen := b.known[birth]; seen {
		return k.name, nil, false, nil
	}
	if until, gone := b.gone[birth]; gone && time.Now().Before(until) {
		return "", nil, false, luascripts.ErrNoSale
	}
	if b.waiting == maxLookingFor {
		return "", nil, false, errBusy
	}
	b.waiting++
	if mine = b.next == nil; mine {
		b.next = &census{done: make(chan struct{})}
	}
	return "", b.next, mine, nil
}

func (b *births) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting--
}

// look takes a census once it may. Whoever asked before it began is answered by it.
func (b *births) look(c *census) {
	b.turn.Lock()
	defer b.turn.Unlock()
	defer close(c.done)
	select {
	case <-time.After(time.Until(b.begun.Add(lookEvery))):
	case <-b.life.Done():
	}
	b.begun = time.Now()
	b.mu.Lock()
	b.next = nil
	b.mu.Unlock()
	b.count(c)
	if c.err == nil {
		b.learn(c.names)
	}
}

func (b *births) learn(names map[uint64]known) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.known) > maxKnown {
		clear(b.known)
	}
	maps.Copy(b.known, names)
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
	if sale := b.sales.all()[k.name]; sale != nil && sale.birth == birth {
		k.era = sale.View().Era
	}
	if k.name == "" || k.era == r.Era {
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

// count asks the store for every sale's birth.
func (b *births) count(c *census) {
	ctx, cancel := context.WithTimeout(b.life, lookFor)
	defer cancel()
	names, err := b.store.List(ctx)
	c.names, c.whole, c.err = make(map[uint64]known, len(names)), true, err
	for _, name := range names {
		shown, err := b.store.Show(ctx, name)
		var refusal *luascripts.Refusal
		switch {
		case err == nil:
			c.names[shown.Birth] = known{name, shown.Era}
		case errors.Is(err, luascripts.ErrNoSale): // removed meanwhile
		case errors.As(err, &refusal):
			c.whole = false
		default:
			c.err = err
			return
		}
	}
}

// conclude reads one birth from a look.
func (b *births) conclude(birth uint64, c *census) (string, error) {
	if c.err != nil {
		return "", c.err
	}
	if k, seen := c.names[birth]; seen {
		return k.name, nil
	}
	if c.whole {
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.gone) >= maxGone {
			clear(b.gone)
		}
		b.gone[birth] = time.Now().Add(goneFor)
	}
	return "", luascripts.ErrNoSale
}
