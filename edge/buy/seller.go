package buy

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"time"

	"spike/edge/allotment"
	"spike/edge/sales"
	"spike/luascripts/ledger"
)

// Bounds of a buy that waits.
const (
	patience    = 250 * time.Millisecond // a buy waits so long before it looks whether a lease is on its way
	maxPatience = 12                     // after so many ticks of patience the buy is undecided: 3 s
	settleWait  = 2 * time.Second        // a buy waits so long for the ledger's verdict
	maxSteps    = 16                     // Ways that one buy may follow
)

// Seller decides buys. Safe for concurrent use.
type Seller struct {
	life context.Context // ends when the edge stops selling
}

// NewSeller decides buys until life ends.
func NewSeller(life context.Context) *Seller { return &Seller{life: life} }

// Decide decides a buy. If stale, the sale has ended here, and nothing is decided. Most buys take no lock, allocate nothing and
// do no I/O. A win reads the clock once.
func (s *Seller) Decide(sale *sales.Sale, q *Request) (d Decision, stale bool) {
	d, way := Admit(sale.Verdict(), sale, q)
	if way == Take {
		if sold, got := sale.Take(q.N, q.Buyer); got == allotment.Won {
			return won(sold), false
		}
		way = slowWayTo(sale)
	}
	if way > Take {
		d, way = s.goOn(sale, *q, d, way)
	}
	return d, way == Stale
}

// DecideAtOnce decides a buy of one unit without a key as Decide would, if that needs no call, no wait and no name of the buyer.
// Otherwise it does nothing, and decided is false. known says that the request names its buyer. The Decision is written where the
// caller has room for it, because a connection's stack is small.
func (s *Seller) DecideAtOnce(sale *sales.Sale, known bool, d *Decision) (decided bool) {
	v := sale.Verdict()
	if known && (v == nil || v.Reason == allotment.Drawing || v.Reason == allotment.Lots) {
		return false
	}
	var way Way
	if *d, way = Admit(v, sale, &oneUnit); way != Take {
		return way == Decided
	}
	var got allotment.Outcome
	if d.Sold, got = sale.Take(1, ledger.Buyer{}); got == allotment.Won {
		d.Outcome = Won
	}
	return got == allotment.Won
}

var oneUnit = Request{N: 1}

// goOn follows Ways on which a buy may wait, until the Decision stands or the sale is stale. It takes one permit to wait, however
// many Ways it follows.
func (s *Seller) goOn(sale *sales.Sale, q Request, d Decision, way Way) (Decision, Way) {
	if !sale.Wait() {
		return Decision{}, Decided
	}
	defer sale.Unwait()
	a := &attempt{Seller: s, sale: sale, q: q}
	for range maxSteps {
		switch way {
		case Decided, Stale:
			return d, way
		case Take, Lease:
			d, way = a.fromLease()
		case Ledger:
			d, way = a.fromLedger()
		case Repeat:
			d, way = a.ifRepeat()
		case Enter:
			d, way = a.enterDraw(d.At)
		case Again:
			d, way = Admit(sale.Verdict(), sale, &a.q)
		}
	}
	return Decision{}, Decided
}

// attempt is a buy that may wait.
type attempt struct {
	*Seller
	sale     *sales.Sale
	q        Request
	lotAsked bool // it has asked for its lot
}

func (a *attempt) onVerdict(v *allotment.Verdict) (Decision, Way) { return onVerdict(v, a.sale, &a.q) }

// waiter paces a buy that waits. The buy looks again whenever something has changed here.
type waiter struct {
	clock <-chan time.Time // nil: the buy has not waited yet
	ticks int              // ticks of the clock so far
	full  int              // ticks when the ring was found full; -1: it was not
	taken uint64           // how often the ledger had taken claims then
	life  context.Context
}

func (s *Seller) waiter() *waiter { return &waiter{full: -1, life: s.life} }

// wantsRoom says whether a buy that finds the ring full goes on: the ledger has taken claims within a tick, or the ring may grow.
// If the ledger has taken some since the buy was here last, the buy looks again at once.
func (w *waiter) wantsRoom(sale *sales.Sale) (on, again bool) {
	if taken := sale.AwaitRoom(); w.full < 0 || taken != w.taken {
		w.full, w.taken = w.ticks, taken
		return true, true
	}
	return w.ticks == w.full || sale.Growing(), false
}

// pass waits for a change or for the next tick. It is false if the buy has waited long enough, or if this edge stops.
func (w *waiter) pass(changed <-chan struct{}) bool {
	if w.clock == nil {
		w.clock = time.Tick(patience)
	}
	select {
	case <-changed:
	case <-w.clock:
		w.ticks++
	case <-w.life.Done():
		return false
	}
	return w.ticks < maxPatience
}

// newNonce is 53 random bits, which Lua's numbers hold exactly.
func newNonce() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint64(b[:]) >> 11
}
