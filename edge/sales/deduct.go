package sales

import (
	"context"
	"errors"
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// Limits of buys that ask the ledger.
const (
	maxDeductCalls = 8                // calls of a sale at a time
	deductLinger   = time.Millisecond // how long a buy waits for company, if there is any
	deductEnough   = 48               // company enough: fewer calls would not cost much less
	deductWait     = 2 * time.Second  // how long a call waits for others to end
)

// deducts gathers the buys of a sale that the ledger must decide.
type deducts = gather[ledger.DeductRequest, []ledger.Deducted]

func (s *Registry) newDeducts(sale *Sale) *deducts {
	return &deducts{life: s.life, most: ledger.MaxDeducts, weight: ledger.MaxDeductUnits, linger: deductLinger,
		enough: deductEnough, wait: deductWait, calls: make(semaphore, maxDeductCalls),
		weigh: func(q ledger.DeductRequest) int { return q.Units(sale.Limit) },
		call:  func(qs []ledger.DeductRequest) ([]ledger.Deducted, error) { return s.deductEach(sale, qs) }}
}

// Deduct has the ledger decide one buy, in one call with the buys that wait beside it. It sets the buy's sale and time.
func (s *Sale) Deduct(q ledger.DeductRequest) (ledger.DeductReply, error) {
	all := s.gathers()
	g := all.deducts
	switch { // a call has buys of one kind
	case q.Ever:
		g = all.polls
	case q.ByLot:
		g = all.lots
	}
	out, at, err := g.ask(q)
	if err != nil {
		return ledger.DeductReply{}, err
	}
	return out[at].DeductReply, out[at].Err
}

// deductEach makes one call. If the ledger says that it came too late, this edge's idea of the store's clock was wrong. Then
// deductEach corrects the idea, and tries once more.
func (s *Registry) deductEach(sale *Sale, qs []ledger.DeductRequest) ([]ledger.Deducted, error) {
	for again := false; ; again = true {
		qs[0].Birth, qs[0].Latest = sale.Birth, sale.StoreTime()+ledger.Timeout.Microseconds()
		out, err := s.cfg.Store.DeductEach(context.WithoutCancel(s.life), sale.Name, qs)
		var no *ledger.Refusal
		switch {
		case !errors.As(err, &no):
			return out, err
		case errors.Is(err, ledger.ErrLate) && !again:
			sale.SetStoreTime(no.At)
		case sale.MissedElsewhere(no):
			sale.Hear(allotment.News{Unsure: true})
			return nil, ledger.ErrDown
		default:
			return nil, err
		}
	}
}
