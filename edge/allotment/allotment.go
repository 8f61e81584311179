package allotment

import (
	"sync"
	"sync/atomic"

	"spike/luascripts/ledger"
	"spike/shard"
)

// Outcome is the result of a Take.
type Outcome int

// The outcomes. The zero value promises nothing.
const (
	Empty Outcome = iota // no unit is here now; ask Verdict, or wait for Changed
	Won
	Full  // too many claims wait for the ledger
	Again // the serial could not be sold; another one may
)

// Allotment is an edge's units of one sale, as buyers see them.
type Allotment struct {
	stock  *shard.Stock
	ring   *rings
	clock  Clock
	bounds ledger.Bounds

	table      atomic.Pointer[Table]
	verdict    atomic.Pointer[Verdict]
	view       atomic.Pointer[ledger.Head]
	ahead      atomic.Int64 // the store's clock minus this process' monotonic one, microseconds
	lost       atomic.Uint64
	changed    atomic.Pointer[chan struct{}] // closed at the Keeper's next change
	unmet      atomic.Uint32                 // the largest buy that found too little; 0: none
	leasing    atomic.Bool                   // a lease call is under way
	fragmented atomic.Bool                   // a buyer found units, but not enough in a row
	crowded    atomic.Bool                   // buyers wait for a slot
	taken      atomic.Uint64                 // settle calls that were answered
	resting    atomic.Bool                   // the Keeper sleeps: a claim must wake it
	unsettled  atomic.Int64                  // when the oldest claim that is not settled was first seen, monotonic; 0: none
	nudge      chan struct{}                 // cap 1

	waiters sync.Map // nonce to chan ledger.Verdict: buys that are answered only after the ledger has answered
	offered sync.Map // nonce to Reply: offers that the Keeper is not done with
}

func newAllotment(stock *shard.Stock, ring *rings, clock Clock, bounds ledger.Bounds) *Allotment {
	a := &Allotment{stock: stock, ring: ring, clock: clock, bounds: bounds, nudge: make(chan struct{}, 1)}
	a.table.Store(&Table{})
	a.announce()
	return a
}

// Sold is a promise and its end, in microseconds.
type Sold struct {
	ledger.Claim
	Until int64 // by the wall clock, Unix
	Left  int64 // from the moment of the promise on
}

// Take sells n consecutive units. It takes no lock, allocates nothing and does no I/O. If it wins, it reads the clock once.
func (a *Allotment) Take(n uint32, buyer ledger.Buyer) (Sold, Outcome) {
	p, outcome := a.reserve(1)
	if outcome != Won {
		return Sold{}, outcome
	}
	s, k, outcome := a.take(n, p)
	s.Buyer = buyer
	return a.publish(p, k, s, outcome)
}

// reserve reserves slots in a row for a Take: Won, unless it can only fail. Without a Ring there is nothing to sell.
func (a *Allotment) reserve(slots uint64) (p reservedSlot, o Outcome) {
	if a.stock.Empty() { // checked before a slot is spent
		return p, Empty
	}
	p, ok := a.ring.reserve(slots)
	switch {
	case ok:
		return p, Won
	case a.ring.slots() == 0:
		return p, Empty
	}
	return p, Full
}

// Verdict is the answer to every buy now, or nil while units may be had.
func (a *Allotment) Verdict() *Verdict { return a.verdict.Load() }

// IsEmpty is true only while no unit is here.
func (a *Allotment) IsEmpty() bool { return a.stock.Empty() }

// View is the sale as of the newest look at the ledger.
func (a *Allotment) View() ledger.Head { return *a.view.Load() }

// StoreTime is about the store's clock now, in microseconds. It is at most a round trip fast.
func (a *Allotment) StoreTime() int64 { return a.ahead.Load() + a.clock().Mono/1000 }

// SetStoreTime corrects StoreTime by a reading of the store's clock.
func (a *Allotment) SetStoreTime(raw int64) { a.ahead.Store(raw - a.clock().Mono/1000) }

// Stock is how many units are here. The count is weak.
func (a *Allotment) Stock() uint64 { return a.stock.Len() }

// Claims is how many slots of the Ring are in use.
func (a *Allotment) Claims() uint64 { return a.ring.taken() }

// Lost is how many claims the ledger has refused. Their buyers hold dead tokens.
func (a *Allotment) Lost() uint64 { return a.lost.Load() }

// Leasing says that units may be on their way.
func (a *Allotment) Leasing() bool { return a.leasing.Load() }

// ReportUnmet tells the Keeper that a buyer of n found too little.
func (a *Allotment) ReportUnmet(n uint32) {
	for unmet := a.unmet.Load(); unmet < n; unmet = a.unmet.Load() {
		if a.unmet.CompareAndSwap(unmet, n) {
			a.wake()
			return
		}
	}
}

// ReportFragmented tells the Keeper that units are here, but not enough in a row. In the ledger they may join others.
func (a *Allotment) ReportFragmented() {
	if a.fragmented.CompareAndSwap(false, true) {
		a.wake()
	}
}

// Changed is closed when the stock or the verdict has changed. Get the channel first, look second, wait third.
func (a *Allotment) Changed() <-chan struct{} { return *a.changed.Load() }

func (a *Allotment) announce() {
	fresh := make(chan struct{})
	if old := a.changed.Swap(&fresh); old != nil {
		close(*old)
	}
}

// vanish sends buyers elsewhere, because no Keeper runs this allotment any more.
func (a *Allotment) vanish() {
	a.verdict.Store(&Verdict{Reason: Gone})
	a.announce()
}

func (a *Allotment) wake() {
	select {
	case a.nudge <- struct{}{}:
	default:
	}
}

// TakeSettled is Take for buys that are answered only after the ledger has answered. The channel gets the claim's verdict.
func (a *Allotment) TakeSettled(n uint32, buyer ledger.Buyer) (Sold, <-chan ledger.Verdict, Outcome) {
	p, outcome := a.reserve(1)
	if outcome != Won {
		return Sold{}, nil, outcome
	}
	s, k, outcome := a.take(n, p)
	s.Buyer = buyer
	var told chan ledger.Verdict
	if k == claim {
		told = make(chan ledger.Verdict, 1)
		a.waiters.Store(s.Nonce, told)
	}
	s, outcome = a.publish(p, k, s, outcome)
	a.wake()
	return s, told, outcome
}

// tell passes the ledger's verdict to the buy that waits for it, if one does.
func (a *Allotment) tell(nonce uint64, v ledger.Verdict) {
	if told, waits := a.waiters.LoadAndDelete(nonce); waits {
		told.(chan ledger.Verdict) <- v
	}
}

func (a *Allotment) awaited() bool {
	for range a.waiters.Range {
		return true
	}
	return false
}
