package sim

import (
	"fmt"
	"time"

	"spike/luascripts/ledger"
)

// mayMove says whether the store's clock may jump now, or the server change: the margin covers one of each within a lease.
func (w *world) mayMove() bool { return !w.healed && w.now-w.moved >= int64(6*time.Second) }

// repeat does something again and again, until the world is healed.
func (w *world) repeat(on bool, every time.Duration, do func()) {
	if !on {
		return
	}
	w.again(0, 2*every, func() bool {
		if !w.healed && w.now >= w.calmUntil {
			do()
		}
		return w.healed
	})
}

// whileUp does something if the store is up then.
func (w *world) whileUp(do func()) func() {
	return func() {
		if w.primary.up {
			do()
		}
	}
}

// planFaults plans the faults.
func (w *world) planFaults() {
	f, repeat := w.fates, w.repeat
	repeat(f.outages, 6*time.Second, func() {
		d := w.oneOf(500*time.Millisecond, 8*time.Second)
		w.tell("the store is out of reach for %v", d)
		w.outage = w.now + int64(d)
	})
	repeat(f.copies, 3*time.Second, w.copyRing)
	repeat(f.keys && f.limit == 0, 300*time.Millisecond, func() {
		(&keyed{world: w, key: w.newKey(), n: w.units(), tries: 8}).ask()
	})
	repeat(f.together, 400*time.Millisecond, w.company)
	repeat(f.cuts, 2*time.Second, func() {
		d := w.oneOf(500*time.Millisecond, 8*time.Second)
		w.someHost().cutOff(d)
		if f.jumps && w.chance(0.5) {
			w.after(w.upTo(d), w.jumpStore)
		}
	})
	repeat(f.pauses, 4*time.Second, func() {
		w.someHost().edge.pause(w.oneOf(100*time.Millisecond, 3*time.Second, 12*time.Second))
	})
	repeat(f.deaths, 6*time.Second, w.death)
	repeat(f.stops, 8*time.Second, func() {
		h := w.someHost()
		h.edge.stop()
		w.after(w.upTo(2*time.Second), func() { w.replace(h) })
	})
	repeat(f.changes, 4*time.Second, w.whileUp(w.change))
	repeat(f.jumps, 5*time.Second, w.jump)
	repeat(f.crashes, 5*time.Second, w.crash)
	repeat(f.eras && f.store == fsynced, 5*time.Second, w.whileUp(func() {
		// As a Redis does whose last replica has been gone for long.
		w.eras++
		w.Histories++
		w.primary.era, w.primary.most, w.primary.followed = w.eras, 0, 0
		w.tell("Redis %d calls its history era %d", w.primary.id, w.eras)
	}))
	repeat(f.lags, 3*time.Second, func() {
		if fs := w.primary.followers; len(fs) > 0 {
			fs[w.rng.IntN(len(fs))].lag(w.oneOf(50*time.Millisecond, 2*time.Second))
		}
	})
	w.pauseFaults()
	repeat(f.votes, 4*time.Second, func() {
		if fs := w.primary.followers; len(fs) > 0 { // for longer than is forgiven
			fs[w.rng.IntN(len(fs))].lag(pardon + w.upTo(12*time.Second))
		}
	})
	repeat(f.badDays, 6*time.Second, w.badDay)
	repeat(f.sweeper || f.sleepy > 0, 300*time.Millisecond, func() { w.sweep() })
}

func (w *world) someHost() *host { return w.hosts[w.rng.IntN(len(w.hosts))] }

// death kills an edge or its machine. Another edge may come in its place.
func (w *world) death() {
	h := w.someHost()
	if other := w.someHost(); other.edge.a.Claims() > h.edge.a.Claims() { // faults come at the worst moment
		h = other
	}
	if w.chance(0.3) {
		h.burn()
	} else {
		h.kill()
	}
	w.after(w.oneOf(500*time.Millisecond, 2*time.Second, 15*time.Second), func() { w.replace(h) })
}

// replace starts a new edge where there is none, if there is still time for one.
func (w *world) replace(h *host) {
	if h.edge.gone && !w.healed {
		h.begin()
	}
}

// crash kills a Redis.
func (w *world) crash() {
	if !w.primary.up || !w.mayMove() {
		return
	}
	w.moved = w.now
	tail, down := w.oneOf(0, 200*time.Millisecond, 2*time.Second, 10*time.Second), w.oneOf(300*time.Millisecond, 4*time.Second)
	switch {
	case w.fates.store < replica:
		backup := w.fates.backups && w.witnessed(w.primary.since(tail))
		w.primary.crash(tail, down, backup)
	case w.fates.backups && w.chance(0.5):
		w.allDie(tail, down)
	case w.chance(0.5):
		w.failOver(w.oneOf(4*time.Second, 14*time.Second), 0.3)
	default:
		w.failOver(0, 0.3)
	}
}

// operate is an operator's change, with its news.
func (w *world) operate(q ledger.ChangeRequest) {
	w.order(q)
	w.spread(false)
}

// order runs a script without the network. The checks look at its answer.
func (w *world) order(call any) {
	if q, ok := call.(ledger.ChangeRequest); ok && q.To == "open" {
		w.silent = nil
	}
	_, _, _ = w.primary.execute(call)
}

// jump moves a clock: the store's now and then, an edge's wall clock at any time.
func (w *world) jump() {
	if w.chance(0.5) {
		w.jumpStore()
		return
	}
	d := w.someJump()
	e := w.someHost().edge
	w.tell("%s's wall clock jumps by %v", e.name, d)
	e.host.wall += int64(d)
	e.turned, e.fooled = true, e.fooled || e.frozen > 0 || e.asleep > 0 && e.freezes
}

// someJump is ahead more often than back, because that ends leases early.
func (w *world) someJump() time.Duration { return w.upTo(8*time.Second) - 3*time.Second }

// jumpStore moves the clocks of all servers together, as a time server would.
func (w *world) jumpStore() {
	if w.mayMove() {
		d := w.someJump()
		w.tell("the store's clocks jump by %v", d)
		w.setClocks(func(skew int64) int64 { return skew + int64(d) })
	}
}

func (w *world) setClocks(to func(skew int64) int64) {
	for _, s := range w.servers {
		s.skew = to(s.skew)
	}
	w.moved = w.now
	w.moves++
}

// rightClocks makes sure that no store's clock is behind, for a sale that opens, draws or closes by it.
func (w *world) rightClocks() { w.setClocks(func(skew int64) int64 { return max(skew, 0) }) }

// sweep sweeps as a process without other work does. It returns whether there is more to sweep.
func (w *world) sweep() (more bool) {
	if !w.primary.up {
		return false
	}
	w.order(expire{64})
	return w.primary.twin.Last().Due
}

// heal ends all faults: the store is whole, the sale open, at least one edge lives, all are awake, and buyers come everywhere.
func (w *world) heal() {
	w.tell("all is well from here")
	w.healed, w.outage = true, 0
	if w.fates.window > 0 {
		w.rightClocks()
	}
	w.mend()
	alive := 0
	for _, h := range w.hosts {
		h.edge.resume()
		if !h.edge.gone && !h.edge.ending {
			alive++
			w.after(w.upTo(100*time.Millisecond), h.edge.arrivals)
		}
	}
	if alive == 0 {
		w.hosts[0].begin()
	}
}

// mend waits for the primary and reopens the sale. Then a process sweeps, so that ledger time passes even without edges.
func (w *world) mend() {
	if !w.primary.up {
		w.after(100*time.Millisecond, w.mend)
		return
	}
	for _, f := range w.primary.followers {
		f.lag(0)
	}
	for _, h := range w.hosts {
		h.cut = 0
		h.turn(w.primary)
	}
	w.order(ledger.ChangeRequest{To: "open"})
	w.spread(true)
	w.visit()
	if w.primary.forgot {
		w.reopen()
	}
}

// reopen has the operator say that all replicas are here, once they are: the primary waits for itself (I5).
func (w *world) reopen() {
	if s := w.primary; len(s.online()) < w.fates.store.replicas() {
		w.after(time.Second, w.reopen)
	} else if s.up {
		_, _, _ = s.execute(ledger.ReopenRequest{Era: s.era, Lineup: s.lineup()})
	}
}

func (w *world) visit() {
	wait := w.bounds.Step
	if w.sweep() {
		wait = 20 * time.Millisecond // every sweeper does so when there is more
	}
	w.after(wait, w.visit)
}

// closesAt is when the sale closes, by the store's clock. 0: never.
func (w *world) closesAt() int64 {
	switch {
	case w.primary.has(w.edited):
		return w.edited.call.(ledger.EditRequest).Closes.UnixMicro()
	case w.fates.closes > 0:
		return start/1000 + w.fates.closes.Microseconds()
	}
	return 0
}

// pauseFaults plans the faults around a pause and around the close.
func (w *world) pauseFaults() {
	w.repeat(w.fates.pausing, 4*time.Second, w.whileUp(w.pauseSale))
	w.repeat(w.fates.pausing && w.fates.store == lossy, 5*time.Second, w.crashUnnoticed)
	w.repeat(w.fates.edits, 2*time.Second, w.whileUp(w.closeEarlier))
	if w.fates.closes > 0 && w.chance(0.7) {
		w.after(w.fates.closes-w.upTo(time.Second), func() {
			if w.healed {
				return
			}
			w.tell("the store stands still over the end of the sale")
			w.outage = max(w.outage, w.now+int64(4*time.Second))
		})
		for _, h := range w.hosts {
			w.after(w.fates.closes+w.upTo(1500*time.Millisecond), func() { h.edge.whenAwake(h.edge.buyerComes) })
		}
	}
}

// crashUnnoticed makes the store lose its newest history while an edge is cut off from it. At that moment the sale is paused.
func (w *world) crashUnnoticed() {
	if !w.primary.up || !w.mayMove() {
		return
	}
	w.someHost().cutOff(w.fates.term + w.bounds.Margin)
	w.primary.crash(w.upTo(10*time.Second), w.upTo(500*time.Millisecond), false)
	const look = 20 * time.Millisecond
	w.after(look, func() { w.when(look, func() bool { return w.primary.up }, w.pauseSale) })
}

// pauseSale does what admin.Shut does.
func (w *world) pauseSale() {
	if h := w.someHost(); w.fates.sleepy > 0 && w.chance(0.5) {
		w.leaveAsleep(h)
	}
	w.tell("the operator pauses the sale")
	w.operate(ledger.ChangeRequest{To: "paused"})
	w.awaitQuiet(1, w.primary.era)
}

// leaveAsleep makes an edge unreachable until its leases have ended. Some of its buyers' goroutines stall meanwhile.
func (w *world) leaveAsleep(h *host) {
	away := w.fates.term + w.bounds.Margin + w.upTo(time.Second)
	for range 6 {
		h.edge.whenAwake(func() {
			h.edge.stallingTake(1, func() time.Duration {
				if w.healed || w.chance(0.6) {
					return 0
				}
				return min(away+w.upTo(2*time.Second), w.longestNap())
			})
		})
	}
	h.cutOff(away)
}

// awaitQuiet looks and sweeps as often as admin.Shut does.
func (w *world) awaitQuiet(looks int, era uint64) {
	w.after(50*time.Millisecond, func() {
		switch s := w.primary; {
		case w.healed:
			return
		case !s.up:
		default:
			if looks%8 == 0 {
				w.sweep()
			}
			s.twin.On(s.node())
			shown := s.twin.Show(s.raw())
			switch {
			case shown.State == ledger.Paused && shown.Quiet():
				w.silence()
				return
			case shown.State == ledger.Paused:
			case shown.Era == era:
				return // another operator opens or pauses the sale
			default:
				w.order(ledger.ChangeRequest{To: "paused"})
				era = s.era
			}
		}
		w.awaitQuiet(looks+1, era)
	})
}

// silence is the moment when the operator hears that no edge sells. After a while the sale goes on.
func (w *world) silence() {
	w.tell("the operator hears that no edge sells")
	w.silent = w.primary.log[len(w.primary.log)-1]
	w.after(w.upTo(8*time.Second), func() {
		if !w.healed && w.primary.up {
			w.operate(ledger.ChangeRequest{To: "open"})
		}
	})
}

// badDay makes several faults at once: some edges are cut off, one pauses, one dies, and the store dies or its clock jumps.
func (w *world) badDay() {
	w.tell("a bad day")
	for range 1 + w.rng.IntN(2) {
		w.someHost().cutOff(w.oneOf(500*time.Millisecond, 8*time.Second))
	}
	for _, one := range []struct {
		on bool
		do func()
	}{
		{w.fates.pauses, func() { w.someHost().edge.pause(w.oneOf(time.Second, 12*time.Second)) }},
		{w.fates.deaths, w.death}, {w.fates.jumps, w.jump}, {w.fates.crashes, w.crash}, {w.fates.changes, w.whileUp(w.change)},
	} {
		if one.on && w.chance(0.7) {
			w.after(w.upTo(time.Second), func() {
				if !w.healed && w.now >= w.calmUntil {
					one.do()
				}
			})
		}
	}
}

// change is an operator's change.
func (w *world) change() {
	q := ledger.ChangeRequest{To: []string{"paused", "open", "open"}[w.rng.IntN(3)]}
	if w.chance(0.4) {
		q.Request, q.Add, w.fresh = fmt.Sprint(w.now), uint64(1+w.rng.IntN(30)), w.now
	}
	w.operate(q)
}

// closeEarlier has the sale close a little later than now. The ledger refuses that where an edge may not hear of it in time.
func (w *world) closeEarlier() {
	if w.edited != nil {
		return
	}
	closes := time.UnixMicro(w.primary.raw()).Add(w.oneOf(w.fates.term/2, 3*w.fates.term))
	if closes.UnixMicro() >= w.closesAt() {
		return
	}
	for _, h := range w.hosts {
		if !h.edge.a.IsEmpty() && w.chance(0.7) { // it does not hear of it
			h.cutOff(2*w.fates.term + w.bounds.Margin)
		}
	}
	w.tell("the operator has the sale close at %d", closes.UnixMicro())
	if _, e, err := w.primary.execute(ledger.EditRequest{Closes: &closes}); err == nil {
		w.edited = e
	}
}
