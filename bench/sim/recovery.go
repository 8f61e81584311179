package sim

import (
	"errors"
	"math"
	"slices"
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// recovery is an edge that settles what earlier processes sold and could not settle. It does what edge's recoverAll does,
// with the network in between.
type recovery struct {
	h *host
	e *edge // the edge that settles
	r *remains
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

func isReassert(err error) bool { return errors.Is(err, ledger.ErrReassert) }

// recoverAll settles the rings that were left, again and again until all are settled, for as long as the edge lives.
func (h *host) recoverAll(e *edge) {
	if len(h.left) > 0 {
		v := recovery{h, e, h.left[0]}
		v.settle(v.release, v.reassert)
	}
}

// again tries later: the store did not answer, or has begun another era.
func (v recovery) again() {
	v.h.w.tell("%s cannot settle yet what %s left", v.e.name, v.r.party.Instance)
	if v.leave() {
		v.h.left = append(v.h.left, v.r)
	}
	v.h.w.after(time.Second, func() { v.e.whenAwake(func() { v.h.recoverAll(v.e) }) })
}

// leave removes the ring from those that were left. false: it was removed before, for a copy may come while an older ring
// waits.
func (v recovery) leave() bool {
	at := slices.Index(v.h.left, v.r)
	if at >= 0 {
		v.h.left = slices.Delete(v.h.left, at, at+1)
	}
	return at >= 0
}

// settle does what settleLeft does.
func (v recovery) settle(done, unheard func()) {
	if v.h.w.lacks(recoverBlind) {
		done()
		return
	}
	v.settleFrom(1<<32, v.r.claims, done, unheard)
}

// leftBatch is small, so that small rings need several batches.
const leftBatch = 4

func (v recovery) settleFrom(batch uint64, rest []ledger.Claim, done, unheard func()) {
	if len(rest) == 0 {
		v.h.w.check.heard(v.r.claims)
		v.offer(v.r.offers, done, unheard)
		return
	}
	n := min(len(rest), leftBatch)
	v.ask(ledger.SettleRequest{Party: v.r.party, Batch: batch, Claims: rest[:n]}, func(err error) {
		switch {
		case errors.Is(err, ledger.ErrReassert):
			unheard()
		case err != nil:
			v.again()
		default:
			v.settleFrom(batch+1, rest[n:], done, unheard)
		}
	})
}

// reassert names the leases under which the claims were made, and settles once more.
func (v recovery) reassert() {
	if v.r.copied { // only its own edge may, and only once
		v.again()
		return
	}
	era := v.h.route.twin.Last().Era
	q := ledger.ReassertRequest{Party: v.r.party, Era: era, Leases: ledger.HeldBy(v.r.all())}
	v.ask(q, func(err error) {
		if err != nil {
			v.again()
			return
		}
		v.settle(v.release, v.again)
	})
}

// release gives up the owner's leases, if the boot is the same: then the ring had every claim (I7). Then the file goes.
func (v recovery) release() {
	done := func() {
		v.h.w.tell("%s has settled what %s left", v.e.name, v.r.party.Instance)
		v.leave()
		v.h.recoverAll(v.e)
	}
	if v.r.copied && !v.h.w.lacks(copyProves) || v.r.boot != v.h.boots && !v.h.w.lacks(bootBlind) {
		done()
		return
	}
	v.ask(ledger.RenewRequest{Party: v.r.party, Awaited: math.MaxInt64, Term: time.Second}, func(err error) {
		if err != nil {
			v.again()
			return
		}
		done()
	})
}

// ask makes a call.
func (v recovery) ask(call any, hear func(error)) {
	w := v.h.w
	w.call(v.h, call, func(a answer) {
		v.e.whenAwake(func() {
			if a.err != nil && !errors.Is(a.err, ledger.ErrDown) && !errors.Is(a.err, ledger.ErrReassert) {
				w.fail("%s: %v is refused: %v", v.e.name, brief(call), a.err)
			}
			if a.err == nil {
				w.check.answered(v.r.of, call, a)
			}
			hear(a.err)
		})
	})
}
