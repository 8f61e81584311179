package sim

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"spike/luascripts/ledger"
)

// In some worlds buys that ask the ledger go together, as edge/sales gathers them: one call, in which each is decided by itself.
// In half of these worlds the sale has a limit per buyer, so that every unit is sold this way.

const (
	togetherEvery = 5                       // worlds
	linger        = time.Millisecond        // how long a buy waits for company
	doubledBehind = 1500 * time.Millisecond // a call that the network doubles comes once more within this time
)

// together has random numbers of its own, so that it changes no world without it.
type together struct {
	on    bool
	limit uint32 // units per buyer; 0: no limit
}

func (f *fates) gathers(seed uint64) {
	r := rand.New(rand.NewPCG(seed, 7))
	if r.IntN(togetherEvery) > 0 || f.plot != noPlot || f.crowded() {
		return
	}
	f.together.on, f.keys = true, true
	if r.IntN(2) == 0 && f.window == 0 {
		f.together.limit = 1 + uint32(r.IntN(3))
	}
}

// asked is a buy that waits for its answer.
type asked struct {
	q    ledger.DeductRequest
	hear func(ledger.DeductReply, answer)
}

// deducts is a call of several buys.
type deducts []ledger.DeductRequest

// ask has the ledger decide a buy, and hears the answer if there is one. A refused buy hears none.
func (e *edge) ask(q ledger.DeductRequest, hear func(ledger.DeductReply, answer)) {
	w := e.w
	if !w.fates.together.on {
		q.Latest = e.latest()
		e.call(q, func(a answer) {
			if a.err == nil {
				hear(a.reply.(ledger.DeductReply), a)
			}
		})
		return
	}
	kind := 0
	if q.ByLot { // a call has buys of one kind
		kind = 1
	}
	e.asking[kind] = append(e.asking[kind], asked{q, hear})
	if len(e.asking[kind]) == 1 {
		e.later(w.upTo(linger), func() { e.askTogether(kind) })
	}
}

// latest is when a call that is sent now is too late.
func (e *edge) latest() int64 { return e.host.route.raw() + timeout.Microseconds() }

// askTogether makes one call of the buys that have gathered. Sometimes the network doubles the call.
func (e *edge) askTogether(kind int) {
	w, all := e.w, e.asking[kind]
	e.asking[kind] = nil
	call := make(deducts, 0, len(all))
	for _, one := range all {
		call = append(call, one.q)
	}
	call[0].Latest = e.latest()
	e.call(call, func(a answer) {
		if a.err != nil {
			return
		}
		for i, d := range a.reply.([]ledger.Deducted) {
			if d.Err == nil {
				all[i].hear(d.DeductReply, a)
			}
		}
	})
	if !w.healed && w.chance(0.05) {
		w.after(w.upTo(doubledBehind), func() { w.call(e.host, call, func(answer) {}) })
	}
}

// company is buyers who come to one edge at the same moment. Among them are several buys of one buyer, a buy that is sent twice,
// a key that is used for another n, buys that no sale could serve, and offers.
func (w *world) company() {
	e := w.someHost().edge
	if !e.serves() || w.noBuyers {
		return
	}
	for range 1 + w.rng.IntN(4) {
		b := w.shopper(1 + uint32(w.rng.IntN(int(w.fates.most))))
		b.askAt(e)
		switch w.rng.IntN(6) {
		case 0:
			b.deduct(e, ledger.Claim{})
		case 1:
			w.keyedBy(b.buyer, b.n).askAt(e)
		case 2:
			other := *b
			other.n, other.tries, other.misused = b.n+1, 0, true
			other.deduct(e, ledger.Claim{})
		case 3:
			e.refused()
		case 4:
			b.offers(e)
		}
	}
}

// offers makes an offer of this edge's units, whether the ledger has free ones or not: they may have come back meanwhile.
// Sometimes the buy was sent twice, and each makes an offer.
func (b *keyed) offers(e *edge) {
	if !b.named() {
		return
	}
	b.offer(e)
	if b.w.chance(0.5) && !e.gone {
		b.offer(e)
	}
}

// refused is a buy that is refused wherever it stands among others.
func (e *edge) refused() {
	q := ledger.DeductRequest{Party: e.party(), N: ledger.MaxUnits + 1, Nonce: e.w.nonce()}
	if e.w.fates.together.limit > 0 && e.w.chance(0.5) { // nobody is known
		q.N = 1
	}
	e.ask(q, func(r ledger.DeductReply, _ answer) {
		e.w.fail("%v must be refused, and is answered %v", brief(q), brief(r))
	})
}

// shopper is a known buyer of n units, mostly under a key.
func (w *world) shopper(n uint32) *keyed {
	w.nonces++
	var b ledger.Buyer
	binary.BigEndian.PutUint64(b[:], 1<<40+w.nonces)
	if w.fates.together.limit > 0 && w.chance(0.9) {
		n = min(n, w.fates.together.limit)
	}
	return w.keyedBy(b, n)
}

// keyedBy is one buy of a buyer. Without a key, the buyer asks once.
func (w *world) keyedBy(buyer ledger.Buyer, n uint32) *keyed {
	w.nonces++
	b := &keyed{w: w, buyer: buyer, n: n, tries: 8}
	if w.chance(0.2) {
		b.tries = 1
		return b
	}
	b.key = w.newKey()
	return b
}
