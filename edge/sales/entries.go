package sales

import (
	"context"
	"sync"
	"time"

	"spike/luascripts/ledger"
)

// Limits of entering a draw. All buyers of a sale come within the window, and most of them come more than once.
const (
	maxEnterCalls = 2       // calls for one sale at a time; buyers who come meanwhile go with the next call
	maxEntered    = 1 << 20 // buyers remembered as entered; to enter a forgotten buyer once more changes nothing
)

// Entrants are the buyers that this edge has put into a sale's draw.
type Entrants struct {
	mu      sync.Mutex
	era     uint64 // the store's era in which the buyers entered
	entered map[ledger.Buyer]struct{}
	coming  map[ledger.Buyer]*round // buyers of rounds that have not ended
	rounds  []*round                // rounds that wait for a call; the last may have room
	calls   int                     // calls under way
}

// round is buyers who enter with one call. Its result may be read once done is closed.
type round struct {
	buyers []ledger.Buyer
	done   chan struct{}
	reply  ledger.EnterReply
	err    error
}

// Has says that a buyer has entered in this era. An entry of another era may be lost.
func (e *Entrants) Has(b ledger.Buyer, era uint64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, in := e.entered[b]
	return in && e.era == era
}

// join puts a buyer into a round. If call, the caller must make calls.
func (e *Entrants) join(b ledger.Buyer) (mine *round, call bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r := e.coming[b]; r != nil {
		return r, false
	}
	last := len(e.rounds) - 1
	if last < 0 || len(e.rounds[last].buyers) == ledger.MaxEntering {
		e.rounds = append(e.rounds, &round{done: make(chan struct{})})
		last++
	}
	mine = e.rounds[last]
	mine.buyers = append(mine.buyers, b)
	if e.coming == nil {
		e.coming = map[ledger.Buyer]*round{}
	}
	e.coming[b] = mine
	if call = e.calls < maxEnterCalls; call {
		e.calls++
	}
	return mine, call
}

// take is the next round to call the store for. If it is nil, the caller must stop.
func (e *Entrants) take() *round {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.rounds) == 0 {
		e.calls--
		return nil
	}
	r := e.rounds[0]
	e.rounds = e.rounds[1:]
	return r
}

// finish ends a round.
func (e *Entrants) finish(r *round) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, b := range r.buyers {
		delete(e.coming, b)
	}
	if r.err == nil && r.reply.Entered {
		e.remember(r)
	}
	close(r.done)
}

// remember notes the buyers of a round as entered. The caller holds mu.
func (e *Entrants) remember(r *round) {
	if e.entered == nil || e.era != r.reply.Era || len(e.entered)+len(r.buyers) > maxEntered {
		e.entered, e.era = map[ledger.Buyer]struct{}{}, r.reply.Era
	}
	for _, b := range r.buyers {
		e.entered[b] = struct{}{}
	}
}

// Forget forgets all buyers, because after the draw nobody enters.
func (e *Entrants) Forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.entered = nil
}

// call makes calls until no round waits.
func (e *Entrants) call(life context.Context, store Store, sale string, birth uint64) {
	for r := e.take(); r != nil; r = e.take() {
		r.reply, r.err = store.EnterDraw(context.WithoutCancel(life), sale, ledger.EnterRequest{Birth: birth, Buyers: r.buyers})
		e.finish(r)
	}
}

// Enter puts a buyer into the draw of a sale. It waits at most so long for the store's answer, and then fails with
// ledger.ErrDown.
func (s *Registry) Enter(sale *Sale, b ledger.Buyer, most time.Duration) (ledger.EnterReply, error) {
	e := &sale.Entrants
	r, call := e.join(b)
	if call && !s.Running.Start(func() { e.call(s.life, s.cfg.Store, sale.Name, sale.Birth) }) {
		return ledger.EnterReply{}, ledger.ErrDown // this edge stops
	}
	select {
	case <-r.done:
		return r.reply, r.err
	case <-time.After(most):
	case <-s.life.Done():
	}
	return ledger.EnterReply{}, ledger.ErrDown
}
