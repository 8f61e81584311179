package allotment

import (
	"context"
	"fmt"
	"time"

	"spike/luascripts"
)

// simTimeout is when an edge stops waiting for an answer.
const simTimeout = time.Second

// longestStuck is how long after that a call may still arrive.
const longestStuck = 6 * time.Second

// out says whether the store cannot be reached.
func (w *world) out() bool { return w.now < w.outage }

func (w *world) latency() time.Duration {
	if !w.healed && w.chance(w.fates.slow) {
		return w.upTo(900 * time.Millisecond)
	}
	return 50*time.Microsecond + w.upTo(2*time.Millisecond)
}

// send is the network. A call may be lost, arrive after everybody gave it up, or its answer may be lost.
func (w *world) send(e *simEdge, call any) {
	sent := e.clock()
	start := w.now
	answered := false
	answer := func(reply any, err error) {
		if !answered {
			answered = true
			e.whenAwake(func() { e.step(Answer{Call: call, Reply: reply, Err: err, Sent: sent}) })
		}
	}
	lost := fmt.Errorf("%T: %w", call, luascripts.ErrDown)
	w.after(simTimeout, func() { answer(nil, lost) })
	there, back := w.latency(), w.latency()
	switch {
	case w.out() && w.chance(0.5):
		w.after(time.Millisecond, func() { answer(nil, lost) })
		return
	case w.out() || !w.healed && w.chance(w.fates.loss):
		if w.chance(0.5) {
			return
		}
		there = simTimeout + w.upTo(longestStuck)
	case !w.healed && w.chance(w.fates.loss):
		back = simTimeout
	}
	w.after(there, func() {
		gen := w.check.look().Gen
		reply, err := w.check.execute(e, call)
		if w.check.look().Gen != gen {
			w.spread()
		}
		w.after(min(back, simTimeout+time.Duration(start-w.now)+time.Second), func() { answer(reply, err) })
	})
}

// troubles fills the agenda with what goes wrong.
func (w *world) troubles() {
	f := w.fates
	repeat := func(on bool, every time.Duration, do func()) {
		if !on {
			return
		}
		var again func()
		again = func() {
			if !w.healed {
				do()
				w.after(w.upTo(2*every), again)
			}
		}
		w.after(w.upTo(2*every), again)
	}
	repeat(f.outages, 6*time.Second, func() {
		d := w.upTo([]time.Duration{500 * time.Millisecond, 8 * time.Second}[w.rng.IntN(2)])
		w.tell("the store is out of reach for %v", d)
		w.outage = w.now + int64(d)
	})
	repeat(f.pauses, 4*time.Second, func() {
		w.someEdge().pause(w.upTo([]time.Duration{100 * time.Millisecond, 3 * time.Second, 12 * time.Second}[w.rng.IntN(3)]))
	})
	repeat(f.deaths, 8*time.Second, func() {
		w.someEdge().die()
		w.after(w.upTo(2*time.Second), w.replace)
	})
	repeat(f.stops, 8*time.Second, func() {
		w.someEdge().stop()
		w.after(w.upTo(2*time.Second), w.replace)
	})
	repeat(f.changes, 4*time.Second, w.change)
	repeat(f.jumps, 5*time.Second, w.jump)
}

// replace brings a new edge, if there is still time for one.
func (w *world) replace() {
	if !w.healed {
		w.join()
	}
}

func (w *world) someEdge() *simEdge { return w.edges[w.rng.IntN(len(w.edges))] }

// change is the operator.
func (w *world) change() {
	q := luascripts.ChangeRequest{To: []string{"paused", "open", "open"}[w.rng.IntN(3)]}
	if w.chance(0.4) {
		q.Request, q.Add, w.added = fmt.Sprint(w.now), uint64(1+w.rng.IntN(30)), w.now
	}
	w.tell("operator: %+v", q)
	if _, err := w.ledger.Change(context.Background(), benchSale, q); err != nil {
		panic(err)
	}
	w.spread()
}

// spread is the store's news: it comes late, out of order, or never.
func (w *world) spread() {
	door := w.check.look().State
	for _, e := range w.edges {
		news := News{Door: door, Unsure: w.chance(0.05)}
		if w.out() || w.chance(w.fates.loss+0.1) {
			continue
		}
		w.after(w.latency(), func() { e.whenAwake(func() { e.step(news) }) })
	}
}

// jump moves a clock: the ledger's at most once in 5 s (the margin is made for that), an edge's wall clock at will.
func (w *world) jump() {
	d := w.upTo(10*time.Second) - 5*time.Second
	if w.chance(0.5) && w.now-w.jumped > int64(5*time.Second) {
		w.tell("the ledger's clock jumps by %v", d)
		w.shift += int64(d)
		w.jumped = w.now
		return
	}
	e := w.someEdge()
	w.tell("%s's wall clock jumps by %v", e.name, d)
	e.wall += int64(d)
	e.turned, e.fooled = true, e.fooled || e.frozen > 0 || e.asleep > 0 && e.freezes
}

// heal ends all trouble: one edge at least, all awake, the sale open, buyers everywhere.
func (w *world) heal() {
	w.tell("all is well from here")
	w.healed, w.outage = true, 0
	if _, err := w.ledger.Change(context.Background(), benchSale, luascripts.ChangeRequest{To: "open"}); err != nil {
		panic(err)
	}
	w.visit()
	alive := 0
	for _, e := range w.edges {
		e.resume()
		if !e.gone && !e.ending {
			alive++
			w.after(w.upTo(100*time.Millisecond), e.arrivals)
		}
	}
	if alive == 0 {
		w.join()
	}
}

// visit is somebody who calls now and then, so that ledger time passes though all edges are gone.
func (w *world) visit() {
	_, err := w.ledger.Renew(context.Background(), benchSale, luascripts.RenewRequest{Party: luascripts.Party{Instance: "visitor"}})
	if err != nil {
		panic(err)
	}
	w.after(w.bounds.Step, w.visit)
}
