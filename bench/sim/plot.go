package sim

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"spike/luascripts/ledger"
)

// plot is a sequence of a few acts, each of which comes when the one before has succeeded. There are few other faults then.
type plot struct {
	name  string
	needs func(f *fates, r *rand.Rand)
	plays func(w *world, opening time.Duration) // its first act
}

var plots = []plot{
	// An edge comes back to a store that has forgotten the later owners of its units.
	{"outlived", func(f *fates, _ *rand.Rand) {
		f.store, f.total, f.hold, f.length = lossy, max(f.total, 40), f.hold+1500*time.Millisecond, 14*time.Second
	}, func(w *world, _ time.Duration) { w.whenAny((*host).onlySells, w.outlive) }},
	// A store whose clock is an hour behind forgets its grants since then.
	{"behind", func(f *fates, _ *rand.Rand) {
		f.store, f.total, f.length = lossy, max(f.total, 40), 30*time.Second
	}, func(w *world, opening time.Duration) { w.after(opening, w.fallBehind) }},
	// An edge stays with the old primary while another is elected, which sells its units.
	{"old side", func(f *fates, _ *rand.Rand) {
		f.store, f.total, f.length, f.slack, f.keys = max(f.store, replica), max(f.total, 40), 18*time.Second, 4, true
	}, func(w *world, opening time.Duration) {
		w.after(opening, func() { w.failOver(w.fates.term+w.fates.binds()+6*time.Second, 0.5) })
	}},
	// Replicas come and go while the Sentinels are asked.
	{"election", func(f *fates, _ *rand.Rand) {
		f.store, f.votes, f.crashes, f.length = replicas, true, true, 20*time.Second
	}, func(*world, time.Duration) {}},
	// A buyer who was too late to pay tries again when the store has forgotten the time.
	{"late payers", func(f *fates, _ *rand.Rand) {
		f.store, f.total, f.length = lossy, min(f.total, 40), 12*time.Second
	}, func(w *world, opening time.Duration) {
		w.after(opening+w.fates.hold, func() {
			tail, down := w.fates.hold+w.upTo(w.fates.hold), w.oneOf(300*time.Millisecond, time.Second)
			w.primary.crash(tail, down, false)
			w.after(down, w.latePayers)
		})
	}},
	// Store and edges lose their power together. Rings and files may be old.
	{"power cut", func(f *fates, r *rand.Rand) {
		f.store, f.total, f.length, f.data = []store{fsynced, replica, replicas}[r.IntN(3)], min(f.total, 60), 20*time.Second, 1
		f.hold += 7 * time.Second
	}, func(w *world, opening time.Duration) {
		w.after(opening, func() {
			w.whenAny(func(h *host) bool { return h.edge.a.Claims() > 2 }, func(*host) {
				w.allDie(w.oneOf(200*time.Millisecond, 2*time.Second), w.oneOf(300*time.Millisecond, time.Second))
				w.burnAll()
			})
		})
	}},
	// An edge takes its lease back out of limbo, and the store forgets that.
	{"from limbo", func(f *fates, _ *rand.Rand) {
		f.store, f.total, f.hold, f.length, f.sweeper = lossy, max(f.total, 40), f.hold+time.Second, 16*time.Second, true
	}, func(w *world, _ time.Duration) { w.whenAny((*host).onlySells, w.leaveLimbo) }},
	// A buyer's goroutine stalls with a unit until its edge has leased the unit again.
	{"sleeper", func(f *fates, r *rand.Rand) {
		f.hosts, f.total, f.hold, f.length = 2+r.IntN(2), max(f.total, 10), f.hold/2, 20*time.Second
	}, func(w *world, opening time.Duration) { w.after(opening, w.oversleep) }},
}

func (p *plot) String() string {
	if p == nil {
		return "no plot"
	}
	return p.name
}

func (f *fates) drawPlot(r *rand.Rand) {
	if r.IntN(4) > 0 || f.crowded() {
		return
	}
	f.plot = &plots[r.IntN(len(plots))]
	f.faults, f.closes, f.sleepy = faults{}, 0, 0
	f.hosts, f.slack = max(f.hosts, 3), 1
	f.hold, f.term = time.Duration(1000+r.IntN(1000))*time.Millisecond, 1500*time.Millisecond
	f.plot.needs(f, r)
}

// glance is how often a plot looks whether its next act may come.
const glance = 5 * time.Millisecond

// when does act once so is true.
func (w *world) when(every time.Duration, so func() bool, act func()) {
	switch {
	case w.healed:
	case so():
		act()
	default:
		w.after(every, func() { w.when(every, so, act) })
	}
}

// whenAny does act with the first host of which something is so.
func (w *world) whenAny(so func(*host) bool, act func(*host)) {
	at := -1
	w.when(glance, func() bool {
		at = slices.IndexFunc(w.hosts, so)
		return at >= 0
	}, func() { act(w.hosts[at]) })
}

// outlive cuts an edge off until others have sold units of its lease. Then the store forgets that, and the edge is back first.
func (w *world) outlive(h *host) {
	away := h.edge
	left := w.primary.twin.Leased(away.newest)
	h.cutOff(time.Minute)
	h.deserted = true
	var laterOwner *promise
	w.when(glance, func() bool {
		laterOwner = w.check.laterOwner(away, left)
		return laterOwner != nil
	}, func() {
		w.after(w.upTo(time.Second), func() {
			down := w.oneOf(300*time.Millisecond, time.Second)
			w.primary.crash(time.Duration(w.now-laterOwner.lease().when)+w.upTo(100*time.Millisecond), down, false)
			for _, one := range w.hosts {
				one.cutOff(down + w.upTo(3*time.Second))
			}
			h.cut, h.deserted, h.mute = 0, false, w.chance(0.5)
			for range 100 {
				w.after(down+w.upTo(1500*time.Millisecond), away.buyerComes)
			}
		})
	})
}

// loses says whether a call of a host is lost. A mute host loses every call until its first look.
func (h *host) loses(call any) bool {
	if _, looks := call.(ledger.RenewRequest); looks {
		h.mute = h.mute && h.now < h.cut
	}
	return h.mute || h.now < h.cut
}

// onlySells says whether the host's edge has units to sell and nothing to settle. Then its first call is about its leases.
func (h *host) onlySells() bool {
	return h.edge.newest > 0 && h.edge.a.Stock() > 4 && h.edge.a.Claims() == 0
}

// laterOwner returns another edge's promise of a unit that this edge had leased.
func (c *checks) laterOwner(e *edge, left ledger.Ranges) *promise {
	for _, r := range left {
		for s := r.Start; s < r.End; s++ {
			if p := c.owner[s]; p != nil && p.edge != e && p.lease() != nil && p.Fence > e.newest {
				return p
			}
		}
	}
	return nil
}

// lease returns the script that leased or sold the units of a promise.
func (p *promise) lease() *entry { return cmp.Or(p.grant, p.kept.entry) }

// fallBehind makes a store come back with a clock that is behind. Then a power cut takes its grants, and the edges with them.
func (w *world) fallBehind() {
	s := w.primary
	s.crash(w.upTo(200*time.Millisecond), w.oneOf(300*time.Millisecond, time.Second), false)
	s.skew -= int64(time.Hour)
	w.moves += 2
	var back int64
	w.when(glance, func() bool {
		if h := s.twin.Last(); back == 0 && s.up && h.Era == s.era && h.Era > 1 && h.Reopens == 0 {
			back = w.now
		}
		last := len(w.check.order) - 1
		return back > 0 && last >= 0 && w.check.order[last].lease() != nil && w.check.order[last].lease().when > back
	}, func() {
		w.after(w.upTo(time.Second), func() {
			s.crash(time.Duration(w.now-back)+w.upTo(200*time.Millisecond), w.oneOf(300*time.Millisecond, time.Second), false)
			w.burnAll()
		})
	})
}

// burnAll ends all machines. Each comes back with its disk.
func (w *world) burnAll() {
	for _, h := range w.hosts {
		h.burn()
		w.after(w.upTo(time.Second), func() { w.replace(h) })
	}
}

// leaveLimbo cuts an edge off until its lease is nearly free. The edge renews the lease and sells, and the store forgets the
// renewal. The store comes back only when the lease would have been free.
func (w *world) leaveLimbo(h *host) {
	e := h.edge
	was := e.deadline[e.newest]
	h.cutOff(w.fates.term + 2*w.bounds.Margin + 500*time.Millisecond + w.upTo(w.fates.hold-1500*time.Millisecond))
	h.deserted = true
	w.after(w.fates.term, func() { h.deserted = false }) // buyers stay away until it is back
	w.when(glance, func() bool { return e.deadline[e.newest] > was }, func() {
		w.after(w.upTo(100*time.Millisecond), func() {
			w.primary.crash(150*time.Millisecond, 300*time.Millisecond, false)
			free := time.Duration(was-w.check.scriptNow())*time.Microsecond + 2*w.bounds.Margin + w.fates.hold
			h.cutOff(max(free, 0) + w.upTo(500*time.Millisecond))
			for range 10 {
				w.after(w.upTo(400*time.Millisecond), e.buyerComes)
			}
		})
	})
}

// oversleep stalls a goroutine that has taken a unit and has not looked at its lease yet.
func (w *world) oversleep() {
	if w.now+int64(w.longestNap()) > start+int64(w.fates.length) {
		return
	}
	h := w.someHost()
	d, naps := w.longestNap()-w.upTo(time.Second), 0
	h.edge.stallingTake(1, func() time.Duration {
		if naps++; naps == 3 {
			return d
		}
		return 0
	})
	h.edge.cutOffFirst(d)
	w.after(d+w.upTo(2*time.Second), w.oversleep)
}

// latePayers show their tokens once more, all at once.
func (w *world) latePayers() {
	now := w.check.ledgerNow()
	for _, p := range w.check.order {
		if o, paid, owned := w.primary.twin.Owner(p.Serial); owned && !paid && p.is(o) && p.Expiry <= now {
			(&holder{w, byToken{what: confirm, birth: p.birth, claim: p.Claim}, p, 1}).show()
		}
	}
}
