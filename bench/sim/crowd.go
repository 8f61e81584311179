package sim

import (
	"cmp"
	"slices"
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// idleAfter is how long an edge has no buyers before it gives everything back.
const idleAfter = 3 * time.Second

// units is how many a buyer wants.
func (w *world) units() uint32 { return 1 + uint32(w.rng.IntN(int(w.fates.most))) }

// longestNap is the longest stall between two steps of a Take. Meanwhile its lease ends, and its serial is sold again.
func (w *world) longestNap() time.Duration { return w.fates.term + w.fates.binds() + 4*time.Second }

// waiter is a buyer who waits for a lease.
type waiter struct{ n uint32 }

// arrivals lets the crowd come to this edge, in bursts.
func (e *edge) arrivals() {
	if e.gone || e.noBuyers {
		return
	}
	lull := !e.healed && e.now > e.fates.lullFrom && e.now < e.fates.lullUntil
	if e.serves() && !lull && !e.host.deserted {
		burst := 1
		if !e.fates.sparse {
			burst += e.rng.IntN(4)
		}
		for range burst {
			e.buyer(e.units())
		}
	}
	mean := e.fates.slack * e.fates.length / time.Duration(2+e.fates.total)
	if e.healed {
		mean = 30 * time.Millisecond
	}
	if e.fates.crowded() {
		mean *= time.Duration(e.fates.hosts / 20)
	}
	pause := e.upTo(2 * mean)
	if e.fates.sparse {
		pause = 215*time.Millisecond + time.Duration(e.host.id%8)*10*time.Millisecond + e.upTo(5*time.Millisecond)
	}
	if e.fates.quiet && !e.healed && e.chance(0.02) {
		pause = idleAfter + e.upTo(4*time.Second)
		e.tell("%s: no buyers for %v", e.name, pause)
	}
	e.after(pause, e.arrivals)
}

// buyerComes is the arrival of one buyer.
func (e *edge) buyerComes() {
	if !e.noBuyers && !e.ending && !e.host.deserted {
		e.buyer(1)
	}
}

// buyer does what edge's buy.go does: verdict, then stock, then the wait for a lease.
func (e *edge) buyer(n uint32) {
	if e.fates.limit > 0 {
		e.shopper(n).askAt(e)
		return
	}
	if e.a.Verdict().Barring() != nil {
		e.demand++
		e.listen()
		return
	}
	if !e.healed && e.chance(e.fates.sleepy) {
		e.stallingTake(n, e.nap)
		return
	}
	if e.buy(n) {
		return
	}
	who := &waiter{n}
	e.waiting = append(e.waiting, who)
	e.later(250*time.Millisecond, func() { // its patience is over
		at := slices.Index(e.waiting, who)
		if at < 0 {
			return
		}
		e.waiting = slices.Delete(e.waiting, at, at+1)
		e.demand++
		if e.fates.deducts { // if the answer comes too late, the buyer does not hear it, and the unit comes back with its hold
			e.deduct(who.n)
		}
	})
}

// buy is one attempt. true: the buyer has an answer.
func (e *edge) buy(n uint32) bool {
	s, outcome := e.a.Take(n, ledger.Buyer{})
	defer e.listen()
	switch outcome {
	case allotment.Won:
		e.demand++
		e.check.decided(e, s.Claim)
		e.check.told(e, s.Claim)
		return true
	case allotment.Full:
		e.demand++
		return true
	case allotment.Again:
		e.tell("%s: %v cannot be sold", e.name, s.Claim)
		return e.buy(n)
	case allotment.Empty:
	}
	if n == 1 || e.a.IsEmpty() {
		e.a.ReportUnmet(n)
	}
	return false
}

// serve lets waiting buyers try again after a change.
func (e *edge) serve() {
	select {
	case <-e.changed:
	default:
		return
	}
	e.changed = e.a.Changed()
	e.waiting = slices.DeleteFunc(e.waiting, func(who *waiter) bool {
		barred := e.a.Verdict().Barring() != nil
		if barred {
			e.demand++
		}
		return barred || e.buy(who.n)
	})
}

// stallingTake is a Take whose goroutine may stall between any two of its steps.
func (e *edge) stallingTake(n uint32, length func() time.Duration) {
	nap := func(next func()) { e.later(length(), next) }
	allotment.SlowTake(e.a, n, nap, func(s allotment.Sold, o allotment.Outcome) {
		if o == allotment.Won {
			e.check.decided(e, s.Claim)
		}
	}, func(s allotment.Sold, o allotment.Outcome) {
		if o == allotment.Won {
			e.check.told(e, s.Claim)
		}
		e.demand++
		e.listen()
	})
}

// nap is how long a goroutine stalls: not at all, for a moment, or until its serial may be leased again.
func (e *edge) nap() time.Duration {
	if e.healed {
		return 0
	}
	switch e.rng.IntN(6) {
	case 0:
		return e.upTo(30 * time.Millisecond)
	case 1:
		return e.upTo(e.bounds.Margin)
	case 2:
		return e.upTo(e.longestNap())
	case 3:
		d := e.longestNap() - e.upTo(time.Second)
		if e.chance(0.5) {
			e.cutOffFirst(d)
		}
		return d
	}
	return 0
}

// cutOffFirst cuts this edge off until shortly before d is over, and mostly the others for longer, so that this one leases first.
func (e *edge) cutOffFirst(d time.Duration) {
	e.host.cutOff(d - 1500*time.Millisecond)
	if e.chance(0.2) {
		return
	}
	for _, h := range e.hosts {
		if h != e.host {
			h.cutOff(d + time.Second)
		}
	}
}

// quietBuyers are the few who come in a lull, while units are held and edges sleep.
func (w *world) quietBuyers() {
	if w.fates.lullUntil == 0 {
		return
	}
	w.again(time.Second, 20*time.Second, func() bool {
		if w.healed || w.now >= w.fates.lullUntil {
			return true
		}
		if h := w.someHost(); h.edge.serves() {
			if w.chance(0.7) {
				h.edge.deduct(1)
			} else {
				h.edge.buyer(1)
			}
		}
		return false
	})
	w.patient()
}

// given is a time from which somebody counts a lease or a hold.
type given struct {
	asked int64 // true time, before the call
	now   int64 // ledger time
	era   uint64
}

// notes keeps the time of an answer.
func (w *world) notes(a answer, asked int64) {
	switch a.reply.(type) {
	case ledger.DeductReply, ledger.LeaseReply, ledger.RenewReply:
		// In a recovery deadlines move with ledger time, which a survivor of lost history may set.
		if h := a.head; w.fates.lullUntil > 0 && a.err == nil && h.Reopens == 0 {
			w.given = append(w.given[max(0, len(w.given)-100):], given{asked, h.Now, h.Era})
		}
	}
}

// patient checks that no lease and no hold ends early (I1). Since a time was given, ledger time must not run ahead of true
// time by more than a jump of the store's clock and the drift of callers' clocks.
func (w *world) patient() {
	h := w.primary.twin.Last()
	for _, g := range w.given {
		passed := w.now - g.asked
		most := passed + passed/100 + int64(w.bounds.Step)
		if g.era == h.Era && w.moved < g.asked && (h.Now-g.now)*1000 > most {
			w.fail("ledger time has passed by %v since somebody was given a time, and true time by %v",
				time.Duration(h.Now-g.now)*time.Microsecond, time.Duration(passed))
		}
	}
	w.after(300*time.Millisecond, w.patient)
}

// deduct is a buy straight from the ledger.
func (e *edge) deduct(n uint32) {
	q := ledger.DeductRequest{Party: e.party(), N: n, Nonce: e.nonce()}
	e.ask(q, func(r ledger.DeductReply, a answer) {
		if r.Answer == ledger.Granted {
			e.check.wins(e, r.Claim, "deducted")
			e.check.bought(e, r.Claim, a)
		}
	})
}

// holder is a buyer with a token. It pays, cancels or looks through any edge, and asks again until it is answered. Its hold may
// be prolonged before it pays, and its money may go back.
type holder struct {
	*world
	byToken
	p     *promise
	tries int
}

// giveToken decides how the winner uses its token.
func (w *world) giveToken(p *promise) {
	f, dice, what := w.fates, w.rng.Float64(), confirm
	h := &holder{world: w, byToken: byToken{birth: p.birth, claim: p.Claim}, p: p}
	switch {
	case dice < f.pays:
		if f.prolongs > 0 && f.hold > 0 && w.chance(f.prolongs) {
			what, h.by = prolong, w.upTo(f.hold)+time.Millisecond
		}
	case dice < f.pays+f.cancels:
		what = cancel
	case dice < f.pays+f.cancels+f.looks:
		what = look
	default:
		return
	}
	late := cmp.Or(f.hold, 4*time.Second)
	h.will(what, 8, late+late/10)
}

// will makes a call within a while.
func (h *holder) will(what tokenCall, tries int, within time.Duration) {
	h.what, h.tries = what, tries
	h.after(h.upTo(within), h.show)
}

// show brings the token to some edge.
func (h *holder) show() {
	if h.tries--; h.tries >= 0 {
		h.call(h.someHost(), h.byToken, h.hear)
	}
}

// hear takes the answer.
func (h *holder) hear(a answer) {
	p := h.p
	if a.err != nil {
		h.after(300*time.Millisecond+h.upTo(time.Second), h.show)
		return
	}
	r := a.reply.(ledger.ReservationReply)
	h.trace(learned, uint64(h.what), uint64(r.Life), p.Nonce, p.Fence)
	h.tell("the holder of %v hears %v", p.Claim, r.Life)
	switch {
	case h.what == confirm && r.Life == ledger.IsConfirmed:
		h.check.confirmed(p, a)
		if h.fates.refunds > 0 && !h.healed && h.chance(h.fates.refunds) {
			h.will(release, 8, 2*time.Second)
		} else if h.chance(0.2) { // which is too late
			h.will(cancel, 4, time.Second)
		}
	case h.what == prolong && r.Life == ledger.IsPending:
		longer := r.Until - r.Raw
		p.longer, p.until, p.ends = a.entry, r.Now+longer, max(p.ends, h.check.soon(longer))
		h.check.keeps(p, a)
		if !h.chance(0.3) { // else it never comes back: nobody else may have the units before the new end
			h.will(confirm, 8, time.Duration(max(longer, 0))*time.Microsecond)
		}
	case h.what == release && r.Life == ledger.IsRefunded && !h.healed && h.chance(0.5): // again, when they may be another's
		h.will(release, h.tries, 4*time.Second)
	}
}
