package sales

import (
	"context"
	"fmt"
	"sync"
	"time"

	"spike/luascripts/ledger"
)

// gather makes few calls of what many ask at about the same time. If no call is under way, an ask goes at once. Otherwise it
// waits for company until the calls under way have ended, at most for linger. So the store always has work if there is any, and
// meanwhile the edge answers who was in the call before. Asks go in the order in which they came.
type gather[Q, R any] struct {
	life   context.Context
	call   func([]Q) (R, error)
	weigh  func(Q) int
	most   int           // asks of one call
	weight int           // of all asks of one call; an ask that is heavier goes alone
	linger time.Duration // how long an ask waits for company, while calls are under way
	enough int           // so many asks wait for no more company; 0: a full call
	wait   time.Duration // how long a round waits for other calls to end
	calls  semaphore     // calls under way

	mu   sync.Mutex
	open *round[Q, R] // the round that takes more asks; nil: none does
}

// round is the asks of one call. reply and err may be read once done is closed.
type round[Q, R any] struct {
	asks   []Q
	weight int
	going  bool          // the round waits for no more company
	ready  chan struct{} // closed when going
	done   chan struct{}
	reply  R
	err    error
}

// ask is the answer of the call that q goes with, and the place of q in it.
func (g *gather[Q, R]) ask(q Q) (reply R, at int, err error) {
	r, at, mine, alone := g.join(q)
	if mine {
		g.lead(r, alone)
	}
	<-r.done
	return r.reply, at, r.err
}

// join puts an ask into a round. If mine, the round is new, and the caller must lead it; alone says that no call is under way.
func (g *gather[Q, R]) join(q Q) (r *round[Q, R], at int, mine, alone bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	weight := g.weigh(q)
	if g.open != nil && g.open.weight+weight > g.weight {
		g.shut(g.open)
	}
	if mine = g.open == nil; mine {
		g.open = &round[Q, R]{ready: make(chan struct{}), done: make(chan struct{})}
	}
	r, at = g.open, len(g.open.asks)
	r.asks, r.weight = append(r.asks, q), r.weight+weight
	switch len(r.asks) {
	case g.most:
		g.shut(r)
	case g.enough:
		r.goOn()
	}
	return r, at, mine, len(g.calls) == 0
}

// goOn ends a round's wait for company. The caller holds mu.
func (r *round[Q, R]) goOn() {
	if !r.going {
		r.going = true
		close(r.ready)
	}
}

// shut takes no more asks into a round. The caller holds mu.
func (g *gather[Q, R]) shut(r *round[Q, R]) {
	if g.open == r {
		g.open = nil
		r.goOn()
	}
}

// release ends a call. If it was the only one, the next round waits for no more company.
func (g *gather[Q, R]) release() {
	g.calls.release()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open != nil && len(g.calls) == 0 {
		g.open.goOn()
	}
}

// lead waits for company and for its turn, and makes the call of a round.
func (g *gather[Q, R]) lead(r *round[Q, R], alone bool) {
	defer close(r.done)
	if !alone {
		g.await(r)
	}
	err := g.calls.acquire(g.life, g.wait)
	g.mu.Lock()
	g.shut(r)
	g.mu.Unlock()
	if err != nil {
		r.err = fmt.Errorf("%w: %w", ledger.ErrDown, err)
		return
	}
	defer g.release()
	r.reply, r.err = g.call(r.asks)
}

// await waits until a round has company enough, or has waited long enough.
func (g *gather[Q, R]) await(r *round[Q, R]) {
	if g.linger == 0 {
		return
	}
	select {
	case <-r.ready:
	case <-time.After(g.linger):
	case <-g.life.Done():
	}
}
