package sales

import (
	"errors"
	"sync/atomic"
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// Sale is one sale as this edge sells it.
type Sale struct {
	Name             string
	Birth            uint64
	Hold             int64  // microseconds; 0: a sold unit stays sold
	Limit            uint64 // units per buyer; 0: no limit. It does not change
	AcksBeforeLedger bool   // a buyer hears of its win before the ledger does
	*allotment.Runner
	Tally    Tally
	Won      atomic.Uint64 // wins here: the article's counter, for the decision log
	Entrants Entrants      // buyers in the draw, if the first units go by lot
	Times    Times         // how long answers to buys took

	rings    allotment.RingMaker // released when the sale has ended here
	end      func()              // ends selling here; claims are still settled if the ledger takes them
	shortage atomic.Pointer[shortage]
	waiting  atomic.Int64
	answers  answers
	gathers  func() *gathers // made with its first use, because most sales need none
}

// gathers is what makes few calls of many for a sale.
type gathers struct {
	deducts, lots, polls *deducts // buys that the ledger must decide: of free units, by lot, and looks at a lot
	looks                *looks
	entries              *entries
}

// Limits of buys that wait.
const (
	MaxWaiting = 4096                   // buys of a sale that wait
	shortFor   = 500 * time.Millisecond // how long "not so many units in a row" is believed
)

// Wait takes a permit for a buy to wait, if one is left. After that the caller must call Unwait.
func (s *Sale) Wait() bool {
	if s.waiting.Add(1) > MaxWaiting {
		s.waiting.Add(-1)
		return false
	}
	return true
}

// Unwait gives the permit back.
func (s *Sale) Unwait() { s.waiting.Add(-1) }

// Waiting is how many buys wait.
func (s *Sale) Waiting() int64 { return max(s.waiting.Load(), 0) }

// Forbids says that no buyer may ever have n units.
func (s *Sale) Forbids(n uint32) bool { return s.Limit > 0 && uint64(n) > s.Limit }

// shortage remembers that there were no n units in a row, and why.
type shortage struct {
	n     uint32
	until time.Time
	why   *allotment.Verdict
}

// RememberShort notes that there are no n units in a row.
func (s *Sale) RememberShort(n uint32, why *allotment.Verdict) {
	s.shortage.Store(&shortage{n: n, until: time.Now().Add(shortFor), why: why})
}

// Short is the verdict for a buyer of n while it is known that there are not so many units in a row; else nil.
func (s *Sale) Short(n uint32) *allotment.Verdict {
	if known := s.shortage.Load(); known != nil && n >= known.n && time.Now().Before(known.until) {
		return known.why
	}
	return nil
}

// MissedElsewhere says that a server of another history does not know the sale. It may be the wrong server, so the Keeper must
// find out whether the sale is gone.
func (s *Sale) MissedElsewhere(err error) bool {
	no, refused := errors.AsType[*ledger.Refusal](err)
	return refused && (errors.Is(err, ledger.ErrNoSale) || errors.Is(err, ledger.ErrBirth)) && no.Era != s.View().Era
}
