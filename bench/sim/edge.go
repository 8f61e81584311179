package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// edge is one process: an Allotment, its Keeper, their clock and their buyers. It stands in for the Runner.
type edge struct {
	*world
	host    *host
	name    string // the instance
	a       *allotment.Allotment
	k       *allotment.Keeper
	born    int64
	frozen  int64  // how long its monotonic clock stood still
	turned  bool   // its wall clock was set
	timer   uint64 // the newest; older ones do nothing
	asleep  int64  // paused since; 0: awake
	freezes bool   // its monotonic clock stops while it sleeps
	missed  []func()
	news    *allotment.News // on the way
	demand  uint64
	waiting []*waiter
	asking  map[bool][]asked // buys that wait for company: from free units, and by lot
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
	w := h.world
	e := &edge{world: w, host: h, name: fmt.Sprintf("%s.%d", h.name, h.runs), born: w.now, resumed: w.now,
		deadline: map[uint64]int64{}, granted: map[uint64]*entry{}, asking: map[bool][]asked{}}
	head := w.primary.twin.Last()
	e.birth = head.Birth
	cfg := allotment.Config{Sale: saleName, Instance: e.name, Node: h.name, Term: w.fates.term, Bounds: w.bounds,
		Demand: func() uint64 { return e.demand }, Slots: 8}
	e.a, e.k = allotment.NewPair(cfg, e.takersClock, head, 1<<(3+w.rng.IntN(4)))
	e.changed = e.a.Changed()
	return e
}

func (e *edge) party() ledger.Party {
	return ledger.Party{Birth: e.birth, Instance: e.name, Node: e.host.name}
}

// clock returns the machine's clocks.
func (e *edge) clock() allotment.Instant {
	still := e.frozen
	if e.asleep > 0 && e.freezes {
		still += e.now - e.asleep
	}
	mono := int64(time.Hour) + int64(float64(e.now-e.born-still)*e.host.drift)
	return e.bend(allotment.Instant{Mono: mono, Wall: e.now + e.host.wall})
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
func (e *edge) later(d time.Duration, do func()) { e.after(d, func() { e.whenAwake(do) }) }

// serves says whether buyers get answers here.
func (e *edge) serves() bool { return !e.gone && e.asleep == 0 && !e.ending }

// call makes a call of the edge, which hears the answer when it is awake.
func (e *edge) call(call any, hear func(answer)) {
	e.world.call(e.host, call, func(a answer) { e.whenAwake(func() { hear(a) }) })
}

func (e *edge) tick() { e.step(allotment.Tick{}) }

// step is one turn of the Runner's loop.
func (e *edge) step(ev allotment.Event) {
	if e.gone {
		return
	}
	e.a.Nudged()
	e.Steps++
	before := e.a.Verdict()
	e.stepped = e.clock()
	for _, call := range e.k.Step(e.stepped, ev) {
		e.send(call)
	}
	if err := e.k.Sane(); err != nil {
		e.fail("%s has %v", e.name, err)
	}
	if v := e.a.Verdict(); v != before {
		e.check.verdict(e, v)
	}
	if e.k.Finished() {
		e.tell("%s ends, %v", e.name, e.k.Gone())
		e.gone, e.stopped = true, true
		return
	}
	e.timer++ // it is set as the Runner does
	mine := e.timer
	e.after(max(e.k.Next().Sub(e.clock()), 0)+10*time.Microsecond, func() {
		if mine == e.timer {
			e.whenAwake(e.tick)
		}
	})
	e.serve()
}

// listen steps a called Keeper a moment later.
func (e *edge) listen() {
	if e.a.Nudged() {
		e.later(e.upTo(100*time.Microsecond), e.tick)
	}
}

// send makes a call of the Keeper.
func (e *edge) send(call any) {
	sent := e.clock()
	if e.makes(call, sent) || e.freesEarly(call, sent) {
		return
	}
	e.call(e.mutateCall(call), func(a answer) {
		e.check.hears(e, e, call, a)
		heard := e.mutateAnswer(allotment.Answer{Call: call, Reply: a.reply, Err: a.err, Sent: sent})
		if q, ok := call.(ledger.SettleRequest); ok && heard.Err == nil {
			e.check.heard(q.Claims)
		}
		e.step(heard)
	})
}

// hear takes news.
func (e *edge) hear(n allotment.News) { e.whenAwake(func() { e.step(n) }) }

func (e *edge) stop() {
	if e.gone || e.ending {
		return
	}
	e.tell("%s is asked to stop", e.name)
	e.ending = true
	e.whenAwake(func() { e.step(allotment.Stop{}) })
}

func (e *edge) die() {
	e.gone = true
	e.trace(died, e.host.id, uint64(e.host.runs), e.a.Claims(), e.a.Stock())
}

// pause stops the process, and perhaps its monotonic clock.
func (e *edge) pause(d time.Duration) {
	if e.gone || e.asleep > 0 {
		return
	}
	e.asleep, e.freezes = e.now, e.chance(0.3)
	e.trace(paused, e.host.id, uint64(e.host.runs), uint64(d), 0)
	e.tell("%s pauses for %v, monotonic clock too: %v", e.name, d, e.freezes)
	e.after(d, e.resume)
}

// resume wakes an edge. Its buyers may be faster than its Keeper.
func (e *edge) resume() {
	if e.asleep == 0 || e.gone {
		return
	}
	if e.freezes {
		e.fooled = e.fooled || e.turned
		e.frozen += e.now - e.asleep
	}
	e.asleep, e.resumed = 0, e.now
	e.tell("%s goes on", e.name)
	if e.chance(0.7) {
		for range 1 + e.rng.IntN(3) {
			e.buyer(1)
		}
	}
	missed := e.missed
	e.missed = nil
	e.rng.Shuffle(len(missed), func(i, j int) { missed[i], missed[j] = missed[j], missed[i] })
	for _, do := range missed {
		e.later(e.upTo(time.Millisecond), do)
	}
}

// makes carries out a request of the Keeper to its own machine, after a moment. Now and then there is no room for a ring.
func (e *edge) makes(call any, sent allotment.Instant) bool {
	a := allotment.Answer{Call: call, Sent: sent}
	switch q := call.(type) {
	case allotment.RingRequest:
		a.Reply, a.Err = allotment.MemoryRings{}.Make(q.Lanes, q.Slots, q.From)
		if !e.healed && e.chance(0.02) {
			a.Err = errors.New("no room for a ring")
		}
	case allotment.OfferRequest:
		e.call(q.Deduct, func(got answer) {
			a.Reply, a.Err = got.reply, got.err
			e.step(a)
		})
		return true
	case allotment.RingDrop:
	default:
		return false
	}
	e.later(e.upTo(2*time.Millisecond), func() { e.step(a) })
	return true
}

// host is a machine. Its edges run under the same name, one after another.
type host struct {
	*world
	id    uint64
	name  string
	route *server // the Redis that its edge talks to
	cut   int64   // it cannot reach the store until then
	data  bool    // its rings are files
	boots int
	runs  int
	edge  *edge // the newest
	left  []*remains

	deserted bool // no buyer comes here
	mute     bool // only a look gets through

	drift float64 // its seconds per true second
	wall  int64   // its clock, ahead of true time
}

// begin starts an edge, a new instance. It settles the rings of earlier edges (recoverAll).
func (h *host) begin() {
	h.runs++
	h.edge = newEdge(h)
	h.edges = append(h.edges, h.edge)
	h.trace(began, h.id, uint64(h.runs), uint64(h.boots), 0)
	h.tell("%s begins", h.edge.name)
	h.edge.tick()
	h.after(h.upTo(50*time.Millisecond), h.edge.arrivals)
	h.startOnOtherStore()
	h.edge.recoverAll()
}

// turn sends the host's calls to another Redis from now on.
func (h *host) turn(s *server) {
	if h.route != s {
		h.tell("%s talks to Redis %d", h.name, s.id)
	}
	h.route = s
	if h.edge != nil {
		h.edge.resumed = h.now
	}
}

// cutOff keeps the host from the store for a while. Some buyers come when its leases are about to end.
func (h *host) cutOff(d time.Duration) {
	if h.now < h.calmUntil {
		return
	}
	h.tell("%s is cut off from the store for %v", h.name, d)
	h.cut = h.now + int64(d)
	for range 2 {
		h.edge.later(h.fates.term-h.upTo(time.Second), h.edge.buyerComes)
	}
}

// kill ends the edge as kill -9 does.
func (h *host) kill() {
	e := h.edge
	if e.gone {
		return
	}
	h.tell("%s is killed; its ring survives: %v", e.name, h.data)
	e.die()
	switch {
	case h.data:
		h.left = append(h.left, e.remains())
		return
	case h.lacks("node-release"):
		h.left = append(h.left, &remains{party: e.party(), boot: h.boots, of: e})
	}
	h.check.lostWith(e, nil)
}

// burn ends the machine. Its disk may have kept some of the newest claims, or none.
func (h *host) burn() {
	if e := h.edge; !e.gone {
		h.tell("the machine of %s loses its power", e.name)
		e.die()
		h.left = append(h.left, e.remains())
	}
	h.boots++
	kept := h.data && h.chance(0.5)
	for _, r := range h.left {
		lost := func(ledger.Claim) bool { return !kept || !h.chance(0.5) }
		r.claims, r.offers = slices.DeleteFunc(slices.Clone(r.claims), lost), nil
		h.check.lostWith(r.of, r.claims)
	}
	if !kept {
		h.left = nil
	}
}
