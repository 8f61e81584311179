package sim

import (
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

const (
	timeout      = time.Second     // how long a caller waits for an answer
	longestStuck = 6 * time.Second // how long after that a call may still arrive
)

// answer is what a caller hears.
type answer struct {
	reply   any
	err     error
	entry   *entry
	durable bool // it survives the server, by I5
}

// unanswered is the answer that a caller assumes after silence.
var unanswered = answer{err: ledger.ErrDown}

func (w *world) latency() time.Duration {
	if !w.healed && w.chance(w.fates.slow) {
		return w.upTo(900 * time.Millisecond)
	}
	return 50*time.Microsecond + w.upTo(2*time.Millisecond)
}

// call sends a call from a host to its Redis. It may be lost, or arrive after everybody has given it up, or its answer be lost.
func (w *world) call(from *host, call any, hear func(answer)) {
	to, out := from.route, w.now < w.outage || from.loses(call)
	well := w.healed || w.now < w.calmUntil
	sent, answered := w.now, false
	reply := func(a answer) {
		if !answered {
			answered = true
			w.notes(a, sent)
			hear(a)
		}
	}
	w.after(timeout, func() { reply(unanswered) })
	there, back := w.latency(), w.latency()
	switch {
	case out && w.chance(0.5):
		w.after(time.Millisecond, func() { reply(unanswered) })
		return
	case out || !well && w.chance(w.fates.loss):
		if w.chance(0.5) {
			return
		}
		there = timeout + w.upTo(longestStuck)
	case !well && w.chance(w.fates.loss):
		back = timeout
		if w.fates.crashes && w.chance(0.05) { // the primary sometimes dies after a silence
			w.after(w.upTo(timeout), w.crash)
		}
	}
	w.after(there, func() {
		w.serve(to, call, func(a answer) {
			w.after(min(back, timeout+time.Duration(sent-w.now)+time.Second), func() { reply(a) })
		})
	})
}

// serve runs a call on a server. If somebody will act on the answer, it waits for the replicas.
func (w *world) serve(s *server, call any, reply func(answer)) {
	if !s.up {
		reply(unanswered)
		return
	}
	gen := s.twin.Last().Gen
	call, skipped := w.skip(call)
	r, e, err := s.execute(call)
	r = kept(r, skipped)
	h := s.twin.Last()
	if h.Gen != gen && s == w.primary {
		w.spread(false)
	}
	a := answer{r, err, e, s.synced || s.most > 0} // the disk has it, or every replica that there ever was
	n := w.waitsFor(e, h)
	if err != nil {
		n = 0
	}
	s.wait(e, n, func(ok bool) {
		if !ok {
			w.recount(s)
			a = unanswered
		}
		reply(a)
	})
}

// spread sends the store's news. News may come late, out of order, or never.
func (w *world) spread(unsure bool) {
	if w.now < w.outage || !w.primary.up {
		return
	}
	state := w.primary.twin.Last().State
	for _, e := range w.edges {
		sure := !unsure && !w.chance(0.05)
		if e.gone || w.chance(w.fates.loss+0.1) {
			continue
		}
		if w.fates.crowded() && e.news != nil { // as in the Runner, newer news replaces news on the way
			*e.news = allotment.News{Door: state, Unsure: e.news.Unsure || !sure}
			continue
		}
		n := &allotment.News{Door: state, Unsure: !sure}
		e.news = n
		w.after(w.latency(), func() {
			if e.news == n {
				e.news = nil
			}
			e.hear(*n)
		})
	}
}
