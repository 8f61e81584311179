package sales

import (
	"context"
	"sync"
	"time"

	"spike/luascripts/ledger"
)

// Limits of entering a draw. All buyers of a sale come within the window, and most of them come more than once.
const (
	maxEnterCalls = 2               // calls for one sale at a time; buyers who come meanwhile go with the next call
	maxEntered    = 1 << 20         // buyers remembered as entered; to enter a forgotten buyer once more changes nothing
	enterWait     = 2 * time.Second // how long a call waits for others to end
)

type (
	entries  = gather[ledger.Buyer, ledger.EnterReply]
	entering = round[ledger.Buyer, ledger.EnterReply]
)

// newEntries gathers the buyers who enter the draw of a sale.
func (s *Registry) newEntries(sale *Sale) *entries {
	return &entries{life: s.life, most: ledger.MaxEntering, weight: ledger.MaxEntering, wait: enterWait,
		calls: make(semaphore, maxEnterCalls), weigh: func(ledger.Buyer) int { return 1 },
		call: func(buyers []ledger.Buyer) (ledger.EnterReply, error) {
			return s.cfg.Store.EnterDraw(context.WithoutCancel(s.life), sale.Name,
				ledger.EnterRequest{Birth: sale.Birth, Buyers: buyers})
		}}
}

// Entrants are the buyers that this edge has put into a sale's draw.
type Entrants struct {
	mu      sync.Mutex
	era     uint64 // the store's era in which the buyers entered
	entered map[ledger.Buyer]struct{}
	coming  map[ledger.Buyer]*entering // buyers of rounds that have not ended
}

// Has says that a buyer has entered in this era. An entry of another era may be lost.
func (e *Entrants) Has(b ledger.Buyer, era uint64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, in := e.entered[b]
	return in && e.era == era
}

// Enter puts a buyer into the draw of a sale.
func (s *Sale) Enter(b ledger.Buyer) (ledger.EnterReply, error) {
	e, rounds := &s.Entrants, s.gathers().entries
	r, mine, alone := e.join(rounds, b)
	if mine {
		rounds.lead(r, alone)
		e.finish(r)
	}
	<-r.done
	return r.reply, r.err
}

// join is gather's, but all requests of one buyer share a place.
func (e *Entrants) join(rounds *entries, b ledger.Buyer) (r *entering, mine, alone bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r = e.coming[b]; r != nil {
		return r, false, false
	}
	r, _, mine, alone = rounds.join(b)
	if e.coming == nil {
		e.coming = map[ledger.Buyer]*entering{}
	}
	e.coming[b] = r
	return r, mine, alone
}

// finish forgets who was in a round, and remembers who has entered.
func (e *Entrants) finish(r *entering) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, b := range r.asks {
		delete(e.coming, b)
	}
	if r.err == nil && r.reply.Entered {
		e.remember(r.asks, r.reply.Era)
	}
}

// remember notes buyers as entered. The caller holds mu.
func (e *Entrants) remember(buyers []ledger.Buyer, era uint64) {
	if e.entered == nil || e.era != era || len(e.entered)+len(buyers) > maxEntered {
		e.entered, e.era = map[ledger.Buyer]struct{}{}, era
	}
	for _, b := range buyers {
		e.entered[b] = struct{}{}
	}
}

// Forget forgets all buyers, because after the draw nobody enters.
func (e *Entrants) Forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.entered = nil
}
