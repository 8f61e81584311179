package oracle

import (
	"context"
	"sync"
	"time"

	"spike/luascripts"
)

// Limits of entering a draw. The crowd of a whole sale comes within the window, and most of it more than once.
const (
	maxEnterCalls = 2       // to the store, at once and for one sale: what comes meanwhile goes with the next
	maxEntered    = 1 << 20 // buyers remembered as entered: who is forgotten is entered once more, and nothing changes
)

// entries are the buyers that this edge has put into a sale's draw.
type entries struct {
	mu      sync.Mutex
	era     uint64 // the store's history in which they were
	entered map[luascripts.Buyer]struct{}
	coming  map[luascripts.Buyer]*round // they are in, until it ends
	rounds  []*round                    // that wait for a call; the last may have room
	calls   int                         // under way
}

// round is buyers who enter with one call. What came of it may be read once done is closed.
type round struct {
	buyers []luascripts.Buyer
	done   chan struct{}
	reply  luascripts.EnterReply
	err    error
}

// has says that a buyer has entered in this era: in another one that may be lost.
func (e *entries) has(b luascripts.Buyer, era uint64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, in := e.entered[b]
	return in && e.era == era
}

// join puts a buyer into a round; call: there is one call more to be made, by the caller.
func (e *entries) join(b luascripts.Buyer) (mine *round, call bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r := e.coming[b]; r != nil {
		return r, false
	}
	last := len(e.rounds) - 1
	if last < 0 || len(e.rounds[last].buyers) == luascripts.MaxEntering {
		e.rounds = append(e.rounds, &round{done: make(chan struct{})})
		last++
	}
	mine = e.rounds[last]
	mine.buyers = append(mine.buyers, b)
	if e.coming == nil {
		e.coming = map[luascripts.Buyer]*round{}
	}
	e.coming[b] = mine
	if call = e.calls < maxEnterCalls; call {
		e.calls++
	}
	return mine, call
}

// take is the next round to be called, or nil: then the caller calls no more.
func (e *entries) take() *round {
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

// tell ends a round.
func (e *entries) tell(r *round) {
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

// remember notes who has entered. Under mu.
func (e *entries) remember(r *round) {
	if e.entered == nil || e.era != r.reply.Era || len(e.entered)+len(r.buyers) > maxEntered {
		e.entered, e.era = map[luascripts.Buyer]struct{}{}, r.reply.Era
	}
	for _, b := range r.buyers {
		e.entered[b] = struct{}{}
	}
}

// forget lets go of all: lots are drawn.
func (e *entries) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.entered = nil
}

// call makes calls until no round waits.
func (e *entries) call(life context.Context, store luascripts.Store, sale string, birth uint64) {
	for r := e.take(); r != nil; r = e.take() {
		r.reply, r.err = store.EnterDraw(context.WithoutCancel(life), sale, luascripts.EnterRequest{Birth: birth, Buyers: r.buyers})
		e.tell(r)
	}
}

// enterDraw puts a buyer into the draw, and waits for the store's word.
func (s *Server) enterDraw(sale *Sale, b luascripts.Buyer) (luascripts.EnterReply, error) {
	r, call := sale.entries.join(b)
	if call && !s.sales.running.start(func() { sale.entries.call(s.life, s.store, sale.name, sale.birth) }) {
		return luascripts.EnterReply{}, luascripts.ErrDown // this edge stops
	}
	late := time.NewTimer(settleWait)
	defer late.Stop()
	select {
	case <-r.done:
		return r.reply, r.err
	case <-late.C:
	case <-s.life.Done():
	}
	return luascripts.EnterReply{}, luascripts.ErrDown
}
