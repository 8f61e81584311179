package sim

import (
	"math/rand/v2"
	"time"
)

// rare is the part of the fates that chance alone would bring once in tens of thousands of worlds. It has random numbers of
// its own, so that a new kind changes no world without it.
type rare struct {
	again  bool // a cut history is cut again before its recovery is over, or about then
	badDay bool // several faults at the same time
	sparse bool // one buyer at a time at each edge, about as far apart as units wait for one
}

func drawRare(seed uint64, f *fates) rare {
	r := rand.New(rand.NewPCG(seed, 2))
	one := func(in int) bool { return r.IntN(in) == 0 }
	out := rare{again: one(5) && !f.crowded(), badDay: one(6) && !f.crowded(), sparse: one(8) && !f.crowded()}
	if out.again {
		f.last()
	}
	return out
}

// last makes units last through one or two recoveries of a Redis that forgets, so that an edge that still sells has something
// to lose.
func (f *fates) last() {
	f.store, f.crashes = lossy, true
	f.total, f.slack = max(f.total, 40), max(f.slack, 4)
	if f.hold > time.Second {
		f.hold /= 4
	}
	f.cover = min(f.cover, 3*time.Second)
	f.length += 2 * f.recovery()
}

// recovery is about how long a new era that has lost history grants nothing.
func (f fates) recovery() time.Duration { return max(f.term+time.Second, 4*time.Second) + f.binds() }

// cutAgain kills a lone Redis once more, mostly at the end of its recovery. The Redis loses all of the time since but
// its beginning, or only the end. It keeps its own clock, so the margin is needed only once.
func (w *world) cutAgain(s *server) {
	if !w.fates.rare.again || w.now < w.calmUntil || w.chance(0.3) {
		return
	}
	from, d := w.now, w.fates.recovery()
	if w.chance(0.5) { // an edge that comes late re-asserts after another one
		w.someHost().cutOff(w.upTo(2 * time.Second))
	}
	if w.chance(0.6) {
		w.after(time.Second, func() { w.cutAtTheEnd(s) })
		return
	}
	w.after(w.upTo(d), func() { w.cut(s, time.Duration(w.now-from)-w.oneOf(600*time.Millisecond, d/2)) })
}

// cutAtTheEnd cuts the history just after the recovery. In the history that is left, the recovery is not quite over. An edge
// that came late has re-asserted in the part that is lost.
func (w *world) cutAtTheEnd(s *server) {
	h := s.twin.Last()
	d := time.Duration(h.Reopens-h.Now) * time.Microsecond
	if h.Reopens == 0 || w.healed {
		return
	}
	late := d - w.upTo(w.bounds.Step)
	w.someHost().cutOff(late)
	w.after(max(d, late+w.upTo(w.bounds.Step)), func() { w.cut(s, w.upTo(w.bounds.Step)) })
}

// cut is a crash that loses so much.
func (w *world) cut(s *server, tail time.Duration) {
	if w.healed || w.now < w.calmUntil || !s.up || s != w.primary {
		return
	}
	s.crash(max(tail, 0), w.oneOf(300*time.Millisecond, 4*time.Second), false)
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
		{w.fates.deaths, w.death}, {w.fates.jumps, w.jump}, {w.fates.crashes, w.crash}, {w.fates.changes, w.change},
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

// spacing is the time between two buyers of a sparse crowd at this edge.
func (e *edge) spacing() time.Duration {
	return 215*time.Millisecond + time.Duration(e.host.id%8)*10*time.Millisecond + e.w.upTo(5*time.Millisecond)
}

// burst is how many buyers come at once.
func (e *edge) burst() int {
	if e.w.fates.rare.sparse {
		return 1
	}
	return 1 + e.w.rng.IntN(4)
}

// longestQueue is how long a sparse crowd takes to buy the rest at one edge.
func (w *world) longestQueue() time.Duration {
	if !w.fates.rare.sparse {
		return 0
	}
	h := w.primary.twin.Last()
	return time.Duration(h.Total-min(h.Total, h.Owned())) * 300 * time.Millisecond
}
