package sales

import (
	"context"
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
	Hold             int64  // microseconds; 0: sold is sold
	Limit            uint64 // units per buyer; 0: none. It does not change
	AcksBeforeLedger bool   // buyers are told before the ledger is
	*allotment.Runner
	Tally    Tally
	Won      atomic.Uint64 // wins here: the article's counter, kept for the decision log
	Entrants Entrants      // of the draw, where the first units go by lot

	rings    allotment.RingMaker // to be ended when the sale has ended here
	end      func()              // sells no more; what was sold is settled, if there is still a ledger for it
	shortage atomic.Pointer[shortage]
	waiting  atomic.Int64
	slots    [2]chan struct{} // of buys that ask the store; those under a key have their own
}

// Bounds of what may wait.
const (
	MaxWaiting = 4096                   // buys of a sale that wait
	maxAsking  = 64                     // of them at the store
	shortFor   = 500 * time.Millisecond // how long "not so many in a row" is believed
)

// Wait counts a buy among those that wait, if there is room; then Unwait must be called.
func (s *Sale) Wait() bool {
	if s.waiting.Add(1) > MaxWaiting {
		s.waiting.Add(-1)
		return false
	}
	return true
}

// Unwait is Wait's end.
func (s *Sale) Unwait() { s.waiting.Add(-1) }

// Waiting is how many buys wait.
func (s *Sale) Waiting() int64 { return max(s.waiting.Load(), 0) }

// Slot waits for one of the few slots of those who ask the store, and says how to leave it.
func (s *Sale) Slot(life context.Context, keyed bool, wait time.Duration) (leave func(), ok bool) {
	slots := s.slots[0]
	if keyed {
		slots = s.slots[1]
	}
	return func() { <-slots }, enter(life, slots, wait) == nil
}

// FreeSlot is Slot for who does not wait.
func (s *Sale) FreeSlot() (leave func(), ok bool) {
	select {
	case s.slots[0] <- struct{}{}:
		return func() { <-s.slots[0] }, true
	default:
		return nil, false
	}
}

// Forbids says that no buyer may ever have n units.
func (s *Sale) Forbids(n uint32) bool { return s.Limit > 0 && uint64(n) > s.Limit }

// shortage remembers that nobody could have n units in a row, and why.
type shortage struct {
	n     uint32
	until time.Time
	why   *allotment.Verdict
}

// RememberShort notes that there are no n units in a row.
func (s *Sale) RememberShort(n uint32, why *allotment.Verdict) {
	s.shortage.Store(&shortage{n: n, until: time.Now().Add(shortFor), why: why})
}

// Short is what a buyer of n hears while it is known that there are not so many in a row; else nil.
func (s *Sale) Short(n uint32) *allotment.Verdict {
	if known := s.shortage.Load(); known != nil && n >= known.n && time.Now().Before(known.until) {
		return known.why
	}
	return nil
}

// MissedElsewhere says that a server of another history does not know the sale. It may be the wrong one: whether the sale is
// gone is the Keeper's to say.
func (s *Sale) MissedElsewhere(err error) bool {
	var no *ledger.Refusal
	missing := errors.Is(err, ledger.ErrNoSale) || errors.Is(err, ledger.ErrBirth)
	return missing && errors.As(err, &no) && no.Era != s.View().Era
}
