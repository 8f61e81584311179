package sim

import (
	"fmt"
	"time"

	"spike/luascripts/ledger"
)

// apart is the time between two jumps of the store's clock or changes of the server: the margin covers one of each within a
// lease.
const apart = 6 * time.Second

// mayMove says whether a clock may jump now, or the server change.
func (w *world) mayMove() bool { return !w.healed && w.now-w.moved >= int64(apart) }

// repeat does something again and again, until the world is healed.
func (w *world) repeat(on bool, every time.Duration, do func()) {
	if !on {
		return
	}
	var again func()
	again = func() {
		if !w.healed {
			if w.now >= w.calmUntil {
				do()
			}
			w.after(w.upTo(2*every), again)
		}
	}
	w.after(w.upTo(2*every), again)
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
	repeat(f.keys && f.together.limit == 0, 300*time.Millisecond, w.keyedBuyer)
	repeat(f.together.on, 400*time.Millisecond, w.company)
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
	repeat(f.changes, 4*time.Second, w.change)
	repeat(f.jumps, 5*time.Second, w.jump)
	repeat(f.crashes, 5*time.Second, w.crash)
	repeat(f.eras && f.store == fsynced, 5*time.Second, w.rename)
	repeat(f.lags, 3*time.Second, func() {
		if fs := w.primary.followers; len(fs) > 0 {
			fs[w.rng.IntN(len(fs))].lag(w.oneOf(50*time.Millisecond, 2*time.Second))
		}
	})
	w.pauseFaults()
	repeat(f.votes, 4*time.Second, w.goesLong)
	repeat(f.rare.badDay, 6*time.Second, w.badDay)
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
		return
	case w.fates.backups && w.chance(0.5):
		w.allDie(tail, down)
		return
	}
	split := time.Duration(0)
	if w.chance(0.5) {
		split = w.oneOf(4*time.Second, 14*time.Second)
	}
	w.failOver(split)
}

// rename gives the history another name, and loses nothing. A Redis does this when its last replica has been gone for long.
// Only the lone Redis here is sure to have no replica.
func (w *world) rename() {
	if !w.primary.up {
		return
	}
	w.eras++
	w.Histories++
	w.primary.era, w.primary.most, w.primary.followed = w.eras, 0, 0
	w.tell("Redis %d calls its history era %d", w.primary.id, w.eras)
}

// change is an operator's change.
func (w *world) change() {
	if !w.primary.up {
		return
	}
	q := ledger.ChangeRequest{To: []string{"paused", "open", "open"}[w.rng.IntN(3)]}
	if w.chance(0.4) {
		q.Request, q.Add, w.fresh = fmt.Sprint(w.now), uint64(1+w.rng.IntN(30)), w.now
	}
	w.operate(q)
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
		w.moveClocks(d)
	}
}

func (w *world) moveClocks(d time.Duration) {
	for _, s := range w.servers {
		s.skew += int64(d)
	}
	w.moved = w.now
	w.moves++
}

// sweep sweeps as a process without other work does. It returns whether there is more to sweep.
func (w *world) sweep() (more bool) {
	if !w.primary.up {
		return false
	}
	w.order(expire{64})
	return w.primary.twin.Last().Due
}

// heal ends all faults: the store is up and has its replicas, the sale is open, at least one edge lives, all edges are awake,
// and buyers come everywhere.
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

// mend waits for the primary and reopens the sale. From then on a process sweeps, so that ledger time passes even without
// edges.
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
}

func (w *world) visit() {
	wait := w.bounds.Step
	if w.sweep() {
		wait = 20 * time.Millisecond // every sweeper does so when there is more
	}
	w.after(wait, w.visit)
}
