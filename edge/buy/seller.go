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
	patience    = 250 * time.Millisecond // it waits for a lease before it looks whether one is on its way
	maxPatience = 12                     // and so often, before nobody knows: 3 s
	settleWait  = 2 * time.Second        // it waits for the ledger's word
	maxSteps    = 16                     // ways that one buy may go
)

// Store is the part of a store that a buy may wait for.
type Store interface {
	Deduct(ctx context.Context, sale string, r ledger.DeductRequest) (ledger.DeductReply, error)
	BindKey(ctx context.Context, key ledger.IdempotencyKey, sale string, n uint32, keep time.Duration) error
}

// Seller decides buys. Safe for concurrent use.
type Seller struct {
	life  context.Context // ends when the edge stops selling
	store Store
	sales *sales.Registry
	keep  time.Duration // a key that has won is bound so long after the hold
	keys  inFlight
}

// NewSeller sells what the registry has; a key that has won is bound for keep after the hold, at the least.
func NewSeller(life context.Context, store Store, registry *sales.Registry, keep time.Duration) *Seller {
	return &Seller{life: life, store: store, sales: registry, keep: keep}
}

// Decide says what a buy comes to; stale: the sale has ended here, and nothing is decided. Most buys end in here without a lock, an
// allocation or I/O; a win reads the clock once.
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

// DecideAtOnce decides a buy of one unit as Decide would, where no call, no wait and no name of the buyer is needed. Else it says no,
// and has done nothing. known: the buyer has a name.
func (s *Seller) DecideAtOnce(sale *sales.Sale, known bool) (d Decision, decided bool) {
	v := sale.Verdict()
	if known && (v == nil || v.Reason == allotment.Drawing || v.Reason == allotment.Lots) {
		return d, false
	}
	d, way := Admit(v, sale, &oneUnit)
	if way != Take {
		return d, way == Told
	}
	sold, got := sale.Take(1, ledger.Buyer{})
	return won(sold), got == allotment.Won
}

var oneUnit = Request{N: 1}

// goOn goes ways on which a buy may wait, until the decision stands or the sale is stale.
func (s *Seller) goOn(sale *sales.Sale, q Request, d Decision, way Way) (Decision, Way) {
	a := &attempt{Seller: s, sale: sale, q: q}
	defer a.end()
	for range maxSteps {
		switch way {
		case Told, Stale:
			return d, way
		case Take, Lease:
			d, way = a.fromLease()
		case Ledger:
			d, way = a.fromLedger()
		case Keyed:
			d, way = a.byKey()
		case Enter:
			d, way = a.enterDraw(d.At)
		case Again:
			d, way = Admit(sale.Verdict(), sale, &a.q)
		}
	}
	return Decision{}, Told
}

// attempt is a buy that may wait.
type attempt struct {
	*Seller
	sale   *sales.Sale
	q      Request
	waits  bool // it has its permit
	lotAsk bool // its lot has been asked for
}

// permit counts the buy among those that wait, if there is room; once, however many ways it goes.
func (a *attempt) permit() bool {
	a.waits = a.waits || a.sale.Wait()
	return a.waits
}

func (a *attempt) end() {
	if a.waits {
		a.sale.Unwait()
	}
}

func (a *attempt) hear(v *allotment.Verdict) (Decision, Way) { return hear(v, a.sale, &a.q) }

// waiter is a buyer who waits, and looks again whenever something has changed here.
type waiter struct {
	clock *time.Ticker
	ticks int
	full  int    // of them, before the ring was found full; -1: it was not
	taken uint64 // how often the ledger had taken claims then
	life  context.Context
}

func (s *Seller) waiter() *waiter {
	return &waiter{clock: time.NewTicker(patience), full: -1, life: s.life}
}

func (w *waiter) end() { w.clock.Stop() }

// wantsRoom says whether a buyer who finds the ring full goes on waiting: the ledger has taken claims within a tick, or the ring may
// still grow.
func (w *waiter) wantsRoom(sale *sales.Sale) bool {
	if taken := sale.AwaitRoom(); w.full < 0 || taken != w.taken {
		w.full, w.taken = w.ticks, taken
	}
	return w.ticks == w.full || sale.Growing()
}

// pass waits; false: long enough, or this edge stops.
func (w *waiter) pass(changed <-chan struct{}) bool {
	select {
	case <-changed:
	case <-w.clock.C:
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
