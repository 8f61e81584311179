package allotment

import (
	"context"
	"fmt"
	"time"

	"spike/luascripts"
	"spike/shard"
)

// simEdge is an edge: an Allotment, its Keeper, their clocks and their buyers. It stands in for the Runner.
type simEdge struct {
	w       *world
	name    string
	a       *Allotment
	k       *Keeper
	born    int64
	frozen  int64   // how long its monotonic clock stood still
	drift   float64 // its seconds per true second
	mono    int64
	wall    int64 // ahead of true time
	turned  bool  // its wall clock was set
	timer   int   // the newest; older ones do nothing
	asleep  int64 // paused since; 0: awake
	freezes bool  // and its monotonic clock is, too
	missed  []func()
	demand  uint64
	waiting []*waiter
	changed <-chan struct{}
	resumed int64 // when it last woke
	ending  bool
	gone    bool // dead, or has stopped
	stopped bool
	fooled  bool // its monotonic clock stood still, and its wall clock went back: a named residue
}

type waiter struct {
	n    uint32
	done bool
}

// join adds an edge, a stranger to the ledger.
func (w *world) join() *simEdge {
	e := &simEdge{w: w, name: fmt.Sprintf("e%d", len(w.edges)+1), born: w.now, drift: 1 + (w.rng.Float64()-0.5)/500,
		mono: w.rng.Int64N(int64(time.Hour)), wall: w.rng.Int64N(int64(time.Hour)) - int64(time.Hour/2), resumed: w.now}
	ring := NewRing(1 << (3 + w.rng.IntN(4)))
	ring.lanes, ring.next = ring.lanes[:1], ring.next[:1] // the CPU must decide nothing
	e.a = newAllotment(shard.New(1), ring, e.clock, int64(w.bounds.Margin))
	e.k = newKeeper(Config{Sale: benchSale, Instance: e.name, Node: e.name, Term: w.fates.term, Bounds: w.bounds,
		Demand: func() uint64 { return e.demand }}, e.a)
	e.k.now = e.clock()
	shown, _ := w.ledger.Show(context.Background(), benchSale)
	e.k.look(shown.Head, e.k.now)
	e.k.lastBuy = e.k.now
	e.changed = e.a.Changed()
	w.edges = append(w.edges, e)
	w.tell("%s joins", e.name)
	e.step(Tick{})
	w.after(w.upTo(50*time.Millisecond), e.arrivals)
	return e
}

func (e *simEdge) clock() Instant {
	still := e.frozen
	if e.asleep > 0 && e.freezes {
		still += e.w.now - e.asleep
	}
	return Instant{Mono: e.mono + int64(float64(e.w.now-e.born-still)*e.drift), Wall: e.w.now + e.wall}
}

// whenAwake does it now, or when the edge wakes; never, when it is dead.
func (e *simEdge) whenAwake(do func()) {
	switch {
	case e.gone:
	case e.asleep > 0:
		e.missed = append(e.missed, do)
	default:
		do()
	}
}

// step is a turn of the Runner's loop.
func (e *simEdge) step(ev Event) {
	if e.gone {
		return
	}
	e.nudged()
	e.w.steps++
	defer e.w.check.sane(e)
	before := e.a.Verdict()
	for _, call := range e.k.Step(e.clock(), ev) {
		e.w.send(e, call)
	}
	if v := e.a.Verdict(); v != before {
		e.w.check.verdict(e, v)
	}
	if e.k.Finished() {
		e.w.tell("%s ends, %v", e.name, e.k.gone)
		e.gone, e.stopped = true, true
		return
	}
	e.sleep()
	e.serve()
}

// sleep sets the timer as the Runner does.
func (e *simEdge) sleep() {
	e.timer++
	mine := e.timer
	wait := max(e.k.Next().Sub(e.clock()), 0) + 10*time.Microsecond
	e.w.after(wait, func() {
		if mine == e.timer {
			e.whenAwake(func() { e.step(Tick{}) })
		}
	})
}

// nudged says whether anybody called the Keeper, and takes the call.
func (e *simEdge) nudged() (yes bool) {
	select {
	case <-e.a.nudge:
		yes = true
	default:
	}
	select {
	case <-e.a.stock.Low():
		yes = true
	default:
	}
	return yes
}

// listen steps a Keeper that somebody called, a moment later.
func (e *simEdge) listen() {
	if e.nudged() {
		e.w.after(e.w.upTo(100*time.Microsecond), func() { e.whenAwake(func() { e.step(Tick{}) }) })
	}
}

// arrivals is the crowd at this edge: it comes in bursts.
func (e *simEdge) arrivals() {
	if e.gone || e.w.shut {
		return
	}
	w := e.w
	if e.asleep == 0 && !e.ending {
		for range 1 + w.rng.IntN(4) {
			e.buyer(1 + uint32(w.rng.IntN(int(w.fates.most))))
		}
	}
	mean := w.fates.length / time.Duration(2+w.fates.total)
	if w.healed {
		mean = 30 * time.Millisecond
	}
	pause := w.upTo(2 * mean)
	if w.fates.quiet && !w.healed && w.chance(0.02) {
		pause = idleAfter + w.upTo(4*time.Second)
		w.tell("%s: no buyers for %v", e.name, pause)
	}
	w.after(pause, e.arrivals)
}

// buyer is edge's buy.go: verdict, then stock, then the wait for a lease.
func (e *simEdge) buyer(n uint32) {
	if e.a.Verdict() != nil {
		e.demand++
		e.listen()
		return
	}
	if e.w.chance(e.w.fates.sleepy) && !e.w.healed {
		e.w.sleepyTake(e, n)
		return
	}
	if e.buy(n) {
		return
	}
	who := &waiter{n: n}
	e.waiting = append(e.waiting, who)
	e.w.after(250*time.Millisecond, func() { e.whenAwake(func() { e.giveUp(who) }) })
}

// buy is one attempt; true: the buyer has an answer.
func (e *simEdge) buy(n uint32) bool {
	e.w.actions++
	s, outcome := e.a.Take(n, luascripts.Buyer{})
	defer e.listen()
	switch outcome {
	case Won:
		e.demand++
		e.w.check.won(e, s.Claim)
		return true
	case Full:
		e.demand++
		return true
	case Again:
		e.w.tell("%s: %v cannot be sold", e.name, s.Claim)
		return e.buy(n)
	}
	if n == 1 || e.a.IsEmpty() {
		e.a.Hungry(1)
	}
	return false
}

// serve lets those who wait look again, when something changed.
func (e *simEdge) serve() {
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
		case e.a.Verdict() != nil:
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

// giveUp is patience's end: the article's way, or none.
func (e *simEdge) giveUp(who *waiter) {
	if who.done {
		return
	}
	who.done = true
	e.demand++
	if !e.w.fates.deducts || e.w.out() {
		return
	}
	reply, err := e.w.ledger.Deduct(context.Background(), benchSale, luascripts.DeductRequest{N: who.n, Nonce: uint64(e.w.made) + 1<<50})
	if err == nil && reply.Claim.Serial != 0 {
		e.w.check.deducted(e, reply.Claim)
	}
}

func (e *simEdge) stop() {
	if e.gone || e.ending {
		return
	}
	e.w.tell("%s is asked to stop", e.name)
	e.ending = true
	e.whenAwake(func() { e.step(Stop{}) })
}

// die loses ring and leases. Sometimes somebody finds the ring, or the buyers' tokens, and settles.
func (e *simEdge) die() {
	if e.gone {
		return
	}
	e.w.tell("%s dies", e.name)
	e.gone = true
	if e.w.chance(0.5) {
		e.w.after(e.w.upTo(3*time.Second), func() { e.w.check.settleFor(e) })
	}
}

// pause stops the process; with it, maybe, its monotonic clock.
func (e *simEdge) pause(d time.Duration) {
	if e.gone || e.asleep > 0 {
		return
	}
	e.asleep, e.freezes = e.w.now, e.w.chance(0.3)
	e.w.tell("%s pauses for %v, monotonic clock too: %v", e.name, d, e.freezes)
	e.w.after(d, e.resume)
}

// resume wakes an edge; buyers may be faster than the Keeper.
func (e *simEdge) resume() {
	if e.asleep == 0 {
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
		w.after(w.upTo(time.Millisecond), func() { e.whenAwake(do) })
	}
}

// longestNap is how long a goroutine may stall between two steps of a Take.
const longestNap = 8 * time.Second

// sleepyTake is Allotment.Take with a nap between any two of its steps. TestSlowTakeIsTake holds it to that.
func (w *world) sleepyTake(e *simEdge, n uint32) {
	nap := func(next func()) {
		d := time.Duration(0)
		naps := [...]time.Duration{30 * time.Millisecond, w.bounds.Margin, longestNap}
		if i := w.rng.IntN(5); i < len(naps) && !w.healed {
			d = w.upTo(naps[i])
		}
		w.after(d, func() { e.whenAwake(next) })
	}
	slowTake(e.a, n, nap, func(s Sold, o Outcome) {
		if o == Won {
			w.check.won(e, s.Claim)
		}
	}, func(Sold, Outcome) {
		e.demand++
		e.listen()
	})
}

// slowTake is Take in pieces. decided hears the outcome when the clock was read, told when the record is published.
func slowTake(a *Allotment, n uint32, nap func(func()), decided, told func(Sold, Outcome)) {
	if a.stock.Empty() {
		told(Sold{}, Empty)
		return
	}
	p, ok := a.ring.reserve()
	if !ok {
		told(Sold{}, Full)
		return
	}
	end := func(s Sold, k kind, o Outcome) {
		decided(s, o)
		nap(func() {
			p.publish(k, s.Claim)
			if k != void && a.resting.Load() {
				a.wake()
			}
			told(s, o)
		})
	}
	nap(func() {
		before := a.table.Load()
		nap(func() {
			serial, ok := a.stock.TakeN(n)
			if !ok {
				end(Sold{}, void, Empty)
				return
			}
			nap(func() {
				table := a.table.Load()
				lease := table.find(serial)
				nap(func() {
					now := a.clock()
					s := Sold{Claim: luascripts.Claim{Serial: serial, Count: n, Nonce: p.nonce()}}
					if lease == nil || table != before && now.Mono-before.replaced.Load() >= a.margin {
						end(s, doubt, Again)
						return
					}
					s.Fence = lease.fence
					term := lease.term.Load()
					if !term.open(now) {
						end(s, unsold, Again)
						return
					}
					s.Expiry, s.Until = lease.expiry(term, now)
					end(s, claim, Won)
				})
			})
		})
	})
}
