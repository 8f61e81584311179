package sim

import (
	"fmt"
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// edge is one process: an Allotment, its Keeper, their clock and their buyers. It stands in for the Runner.
type edge struct {
	w       *world
	host    *host
	name    string // the instance
	a       *allotment.Allotment
	k       *allotment.Keeper
	most    int // slots of its largest ring
	born    int64
	frozen  int64  // how long its monotonic clock stood still
	turned  bool   // its wall clock was set
	timer   uint64 // the newest; older ones do nothing
	asleep  int64  // paused since; 0: awake
	freezes bool   // its monotonic clock stops while it sleeps
	missed  []func()
	news    *news // on the way
	demand  uint64
	waiting []*waiter
	asking  [2][]asked // buys that wait for company: from free units, and by lot
	changed <-chan struct{}
	resumed int64 // when it last woke, or turned to another Redis
	ending  bool
	gone    bool // dead, or has stopped
	stopped bool
	fooled  bool // its monotonic clock stood still and its wall clock went back: a named loss window
	stepped allotment.Instant

	birth    uint64
	deadline map[uint64]int64  // of its leases, as it has heard
	granted  map[uint64]*entry // the script that granted a fence
	newest   uint64            // of the fences
}

func newEdge(h *host) *edge {
	w := h.w
	e := &edge{w: w, host: h, name: fmt.Sprintf("%s.%d", h.name, h.runs), born: w.now, resumed: w.now,
		most: 1 << (3 + w.rng.IntN(4)), deadline: map[uint64]int64{}, granted: map[uint64]*entry{}}
	head := w.primary.twin.Last()
	e.birth = head.Birth
	cfg := allotment.Config{Sale: saleName, Instance: e.name, Node: h.name, Term: w.fates.term, Bounds: w.bounds,
		Demand: func() uint64 { return e.demand }, Slots: 8}
	e.a, e.k = allotment.NewPair(cfg, e.takersClock, head, e.most)
	e.changed = e.a.Changed()
	return e
}

func (e *edge) party() ledger.Party {
	return ledger.Party{Birth: e.birth, Instance: e.name, Node: e.host.name}
}

func (e *edge) start() {
	e.tick()
	e.w.after(e.w.upTo(50*time.Millisecond), e.arrivals)
}

// clock returns the machine's clocks.
func (e *edge) clock() allotment.Instant {
	still := e.frozen
	if e.asleep > 0 && e.freezes {
		still += e.w.now - e.asleep
	}
	mono := int64(time.Hour) + int64(float64(e.w.now-e.born-still)*e.host.drift)
	return e.bend(allotment.Instant{Mono: mono, Wall: e.w.now + e.host.wall})
}

// whenAwake does something now, or when the edge wakes. A dead edge never does it.
func (e *edge) whenAwake(do func()) {
	switch {
	case e.gone:
	case e.asleep > 0:
		e.missed = append(e.missed, do)
	default:
		do()
	}
}

// later does something after a while.
func (e *edge) later(d time.Duration, do func()) { e.w.after(d, func() { e.whenAwake(do) }) }

// serves says whether buyers get answers here.
func (e *edge) serves() bool { return !e.gone && e.asleep == 0 && !e.ending }

// call makes a call of the edge, which hears the answer when it is awake.
func (e *edge) call(call any, hear func(answer)) {
	e.w.call(e.host, call, func(a answer) { e.whenAwake(func() { hear(a) }) })
}

func (e *edge) tick() { e.step(allotment.Tick{}) }

// step is one turn of the Runner's loop.
func (e *edge) step(ev allotment.Event) {
	if e.gone {
		return
	}
	e.a.Nudged()
	e.w.Steps++
	before := e.a.Verdict()
	e.stepped = e.clock()
	for _, call := range e.k.Step(e.stepped, ev) {
		e.send(call)
	}
	if err := e.k.Sane(); err != nil {
		e.w.fail("%s has %v", e.name, err)
	}
	if v := e.a.Verdict(); v != before {
		e.w.check.verdict(e, v)
	}
	if e.k.Finished() {
		e.w.tell("%s ends, %v", e.name, e.k.Gone())
		e.gone, e.stopped = true, true
		return
	}
	e.sleep()
	e.serve()
}

// sleep sets the timer as the Runner does.
func (e *edge) sleep() {
	e.timer++
	mine := e.timer
	wait := max(e.k.Next().Sub(e.clock()), 0) + 10*time.Microsecond
	e.w.after(wait, func() {
		if mine == e.timer {
			e.whenAwake(e.tick)
		}
	})
}

// listen steps a called Keeper a moment later.
func (e *edge) listen() {
	if e.a.Nudged() {
		e.later(e.w.upTo(100*time.Microsecond), e.tick)
	}
}

// send makes a call of the Keeper.
func (e *edge) send(call any) {
	sent := e.clock()
	if e.makes(call, sent) {
		return
	}
	if _, settles := call.(ledger.SettleRequest); settles && e.w.lacks(freeEarly) {
		e.w.call(e.host, call, func(answer) {})
		e.answerAtOnce(call, sent)
		return
	}
	e.call(e.mutateCall(call), func(a answer) {
		e.w.check.hears(e, e, call, a)
		heard := e.mutateAnswer(allotment.Answer{Call: call, Reply: a.reply, Err: a.err, Sent: sent})
		if q, ok := call.(ledger.SettleRequest); ok && heard.Err == nil {
			e.w.check.heard(q.Claims)
		}
		e.step(heard)
	})
}

// hear takes news.
func (e *edge) hear(state ledger.State, unsure bool) {
	e.whenAwake(func() { e.step(allotment.News{Door: state, Unsure: unsure}) })
}

func (e *edge) stop() {
	if e.gone || e.ending {
		return
	}
	e.w.tell("%s is asked to stop", e.name)
	e.ending = true
	e.whenAwake(func() { e.step(allotment.Stop{}) })
}

func (e *edge) die() {
	e.gone = true
	e.w.trace(died, e.host.id, uint64(e.host.runs), e.a.Claims(), e.a.Stock())
}

// pause stops the process, and perhaps its monotonic clock.
func (e *edge) pause(d time.Duration) {
	if e.gone || e.asleep > 0 {
		return
	}
	e.asleep, e.freezes = e.w.now, e.w.chance(0.3)
	e.w.trace(paused, e.host.id, uint64(e.host.runs), uint64(d), 0)
	e.w.tell("%s pauses for %v, monotonic clock too: %v", e.name, d, e.freezes)
	e.w.after(d, e.resume)
}

// resume wakes an edge. Its buyers may be faster than its Keeper.
func (e *edge) resume() {
	if e.asleep == 0 || e.gone {
		return
	}
	w := e.w
	if e.freezes {
		e.fooled = e.fooled || e.turned
		e.frozen += w.now - e.asleep
	}
	e.asleep, e.resumed = 0, w.now
	w.tell("%s goes on", e.name)
	if w.chance(0.7) {
		for range 1 + w.rng.IntN(3) {
			e.buyer(1)
		}
	}
	missed := e.missed
	e.missed = nil
	w.rng.Shuffle(len(missed), func(i, j int) { missed[i], missed[j] = missed[j], missed[i] })
	for _, do := range missed {
		e.later(w.upTo(time.Millisecond), do)
	}
}
