package sim

import (
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// patience is how long a buyer waits for a lease. Then it asks the ledger, or leaves.
const patience = 250 * time.Millisecond

// idleAfter is how long an edge has no buyers before it gives everything back.
const idleAfter = 3 * time.Second

// longestNap is the longest stall of a goroutine between two steps of a Take. Its lease ends and its serial is sold again
// while it sleeps.
func (w *world) longestNap() time.Duration { return w.fates.term + w.fates.binds() + 4*time.Second }

// waiter is a buyer who waits for a lease.
type waiter struct {
	n    uint32
	done bool
}

// arrivals lets the crowd come to this edge, in bursts.
func (e *edge) arrivals() {
	if e.gone || e.w.noBuyers {
		return
	}
	w := e.w
	if e.serves() && !w.isQuiet() && !e.host.deserted {
		for range e.burst() {
			e.buyer(1 + uint32(w.rng.IntN(int(w.fates.most))))
		}
	}
	mean := w.fates.slack * w.fates.length / time.Duration(2+w.fates.total)
	if w.healed {
		mean = 30 * time.Millisecond
	}
	if w.fates.crowded() {
		mean *= time.Duration(w.fates.hosts / 20)
	}
	pause := w.upTo(2 * mean)
	if w.fates.rare.sparse {
		pause = e.spacing()
	}
	if w.fates.quiet && !w.healed && w.chance(0.02) {
		pause = idleAfter + w.upTo(4*time.Second)
		w.tell("%s: no buyers for %v", e.name, pause)
	}
	w.after(pause, e.arrivals)
}

// buyerComes is the arrival of one buyer.
func (e *edge) buyerComes() {
	if !e.w.noBuyers && !e.ending && !e.host.deserted {
		e.buyer(1)
	}
}

// buyer does what edge's buy.go does: verdict, then stock, then the wait for a lease.
func (e *edge) buyer(n uint32) {
	if e.w.fates.together.limit > 0 {
		e.w.shopper(n).askAt(e)
		return
	}
	if e.a.Verdict().Barring() != nil {
		e.demand++
		e.listen()
		return
	}
	if !e.w.healed && e.w.chance(e.w.fates.sleepy) {
		e.sleepyTake(n)
		return
	}
	if e.buy(n) {
		return
	}
	who := &waiter{n: n}
	e.waiting = append(e.waiting, who)
	e.later(patience, func() { e.giveUp(who) })
}

// buy is one attempt. true: the buyer has an answer.
func (e *edge) buy(n uint32) bool {
	s, outcome := e.a.Take(n, ledger.Buyer{})
	defer e.listen()
	switch outcome {
	case allotment.Won:
		e.demand++
		e.w.check.decided(e, s.Claim)
		e.w.check.told(e, s.Claim)
		return true
	case allotment.Full:
		e.demand++
		return true
	case allotment.Again:
		e.w.tell("%s: %v cannot be sold", e.name, s.Claim)
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
	still := e.waiting[:0]
	for _, who := range e.waiting {
		switch {
		case who.done:
		case e.a.Verdict().Barring() != nil:
			who.done = true
			e.demand++
		case e.buy(who.n):
			who.done = true
		default:
			still = append(still, who)
		}
	}
	e.waiting = still
}

// giveUp ends a buyer's patience: it buys from the ledger, or leaves. If the answer comes too late, the buyer does not hear
// it, and the unit comes back with its hold.
func (e *edge) giveUp(who *waiter) {
	if who.done {
		return
	}
	who.done = true
	e.demand++
	if !e.w.fates.deducts {
		return
	}
	e.deduct(who.n)
}

// sleepyTake is a Take whose goroutine may stall between any two of its steps.
func (e *edge) sleepyTake(n uint32) {
	e.stallingTake(n, e.nap)
}

func (e *edge) stallingTake(n uint32, length func() time.Duration) {
	w := e.w
	nap := func(next func()) { e.later(length(), next) }
	allotment.SlowTake(e.a, n, nap, func(s allotment.Sold, o allotment.Outcome) {
		if o == allotment.Won {
			w.check.decided(e, s.Claim)
		}
	}, func(s allotment.Sold, o allotment.Outcome) {
		if o == allotment.Won {
			w.check.told(e, s.Claim)
		}
		e.demand++
		e.listen()
	})
}

// nap is how long a goroutine stalls: not at all, for a moment, or for so long that its lease may end and its serial be
// leased again. In the last case the edge may be cut off, too.
func (e *edge) nap() time.Duration {
	w := e.w
	if w.healed {
		return 0
	}
	switch w.rng.IntN(6) {
	case 0:
		return w.upTo(30 * time.Millisecond)
	case 1:
		return w.upTo(w.bounds.Margin)
	case 2:
		return w.upTo(w.longestNap())
	case 3:
		d := w.longestNap() - w.upTo(time.Second)
		if w.chance(0.5) {
			e.cutOffFirst(d)
		}
		return d
	}
	return 0
}

// cutOffFirst cuts this edge off from the store until shortly before d is over. Mostly it cuts the other edges off for a little
// longer, so that this edge leases first.
func (e *edge) cutOffFirst(d time.Duration) {
	e.host.cutOff(d - 1500*time.Millisecond)
	if e.w.chance(0.2) {
		return
	}
	for _, h := range e.w.hosts {
		if h != e.host {
			h.cutOff(d + time.Second)
		}
	}
}
