package sim

import (
	"errors"
	"math"
	"slices"
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// recovery is an edge that settles the claims that earlier processes could not settle. It does what edge's recoverAll does,
// with the network in between.
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

// recoverAll settles the rings that were left, again and again until all are settled, for as long as the edge lives.
func (e *edge) recoverAll() {
	if left := e.host.left; len(left) > 0 {
		v := recovery{e, left[0]}
		v.settle(v.release, v.reassert)
	}
}

// again tries later: the store did not answer, or has begun another era.
func (v recovery) again() {
	v.w.tell("%s cannot settle yet what %s left", v.name, v.r.party.Instance)
	if v.leave() {
		v.host.left = append(v.host.left, v.r)
	}
	v.later(time.Second, v.recoverAll)
}

// leave removes the ring from those that were left. false: it was removed before, for a copy may come while an older ring
// waits.
func (v recovery) leave() bool {
	at := slices.Index(v.host.left, v.r)
	if at >= 0 {
		v.host.left = slices.Delete(v.host.left, at, at+1)
	}
	return at >= 0
}

// settle does what settleLeft does.
func (v recovery) settle(done, unheard func()) {
	if v.w.lacks(recoverBlind) {
		done()
		return
	}
	v.settleFrom(1<<32, v.r.claims, done, unheard)
}

// leftBatch is small, so that small rings need several batches.
const leftBatch = 4

func (v recovery) settleFrom(batch uint64, rest []ledger.Claim, done, unheard func()) {
	if len(rest) == 0 {
		v.w.check.heard(v.r.claims)
		v.offer(v.r.offers, done, unheard)
		return
	}
	n := min(len(rest), leftBatch)
	v.ask(ledger.SettleRequest{Party: v.r.party, Batch: batch, Claims: rest[:n]},
		func() { v.settleFrom(batch+1, rest[n:], done, unheard) }, unheard)
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
		v.w.tell("%s has settled what %s left", v.name, v.r.party.Instance)
		v.leave()
		v.recoverAll()
	}
	if v.r.copied && !v.w.lacks(copyProves) || v.r.boot != v.host.boots && !v.w.lacks(bootBlind) {
		done()
		return
	}
	v.ask(ledger.RenewRequest{Party: v.r.party, Awaited: math.MaxInt64, Term: time.Second}, done, v.again)
}

// ask makes a call. It is unheard if the ledger first wants to hear of the owner's leases. Without an answer the edge comes
// again.
func (v recovery) ask(call any, done, unheard func()) {
	v.call(call, func(a answer) {
		v.w.check.hears(v.edge, v.r.of, call, a)
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
