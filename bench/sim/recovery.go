package sim

import (
	"errors"
	"math"
	"slices"
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// recovery is an edge that settles the claims that earlier processes left. It does what edge's recoverAll does.
type recovery struct {
	*edge // the one that settles
	r     *remains
}

// remains is a ring file whose process is dead.
type remains struct {
	party  ledger.Party
	boot   int
	claims []ledger.Claim
	offers []allotment.Offer
	copied bool // while its process lived
	of     *edge
}

// all returns the claims of claims and offers.
func (r *remains) all() []ledger.Claim {
	out := slices.Clip(r.claims)
	for _, o := range r.offers {
		out = append(out, o.Claim)
	}
	return out
}

// remains returns the ring as it is now.
func (e *edge) remains() *remains {
	claims, offers := e.k.Left()
	r := &remains{party: e.party(), boot: e.host.boots, claims: claims, offers: offers, of: e}
	if e.lacks("offer-blind") {
		r.claims, r.offers = r.all(), nil
	}
	return r
}

// copyRing gives some host's next edge, or this one, a copy of a living edge's ring.
func (w *world) copyRing() {
	from, to := w.someHost(), w.someHost()
	if from.edge.gone || to.edge.gone || !from.data || from == to {
		return
	}
	w.tell("the ring of %s is copied to %s", from.edge.name, to.name)
	r := from.edge.remains()
	r.copied = true
	to.left = append(to.left, r)
	if len(to.left) == 1 {
		to.edge.whenAwake(to.edge.recoverAll)
	}
}

// recoverAll settles the rings that were left, again and again until all are settled, for as long as the edge lives.
func (e *edge) recoverAll() {
	if left := e.host.left; len(left) > 0 {
		v := recovery{e, left[0]}
		v.settle(v.release, v.reassert)
	}
}

// again tries later: the store did not answer, or has begun another era.
func (v recovery) again() {
	v.tell("%s cannot settle yet what %s left", v.name, v.r.party.Instance)
	if v.leave() {
		v.host.left = append(v.host.left, v.r)
	}
	v.later(time.Second, v.recoverAll)
}

// leave removes the ring from those that were left. false: it was removed before, for a copy may come while another waits.
func (v recovery) leave() bool {
	at := slices.Index(v.host.left, v.r)
	if at >= 0 {
		v.host.left = slices.Delete(v.host.left, at, at+1)
	}
	return at >= 0
}

// settle does what settleLeft does: it settles the claims, and the offers for their keys.
func (v recovery) settle(done, unheard func()) {
	if v.lacks("recover-blind") {
		done()
		return
	}
	var calls []any
	for claims := range slices.Chunk(v.r.claims, 4) { // small rings need several batches, too
		calls = append(calls, ledger.SettleRequest{Party: v.r.party, Batch: 1<<32 + uint64(len(calls)), Claims: claims})
	}
	settles := len(calls)
	for _, o := range v.r.offers {
		calls = append(calls, allotment.DeductOffer(v.r.party.Birth, o))
	}
	var next func(n int)
	next = func(n int) {
		if n == settles {
			v.check.heard(v.r.claims)
		}
		if n == len(calls) {
			done()
			return
		}
		v.ask(calls[n], func() { next(n + 1) }, unheard)
	}
	next(0)
}

// reassert names the leases under which the claims were made, and settles once more.
func (v recovery) reassert() {
	if v.r.copied { // only its own edge may, and only once
		v.again()
		return
	}
	era := v.host.route.twin.Last().Era
	q := ledger.ReassertRequest{Party: v.r.party, Era: era, Leases: ledger.HeldBy(v.r.all())}
	v.ask(q, func() { v.settle(v.release, v.again) }, v.again)
}

// release gives up the owner's leases, if the boot is the same: then the ring had every claim (I7). Then the file goes.
func (v recovery) release() {
	done := func() {
		v.tell("%s has settled what %s left", v.name, v.r.party.Instance)
		v.leave()
		v.recoverAll()
	}
	if v.r.copied && !v.lacks("copy-proves") || v.r.boot != v.host.boots && !v.lacks("boot-blind") {
		done()
		return
	}
	v.ask(ledger.RenewRequest{Party: v.r.party, Awaited: math.MaxInt64, Term: time.Second}, done, v.again)
}

// ask makes a call. It is unheard if the ledger first wants to hear of the leases. Without an answer the edge comes again.
func (v recovery) ask(call any, done, unheard func()) {
	v.call(call, func(a answer) {
		v.check.hears(v.edge, v.r.of, call, a)
		switch {
		case errors.Is(a.err, ledger.ErrReassert):
			unheard()
		case a.err != nil:
			v.again()
		default:
			done()
		}
	})
}
