package sim

import (
	"fmt"
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

const (
	timeout      = time.Second     // how long a caller waits for an answer
	longestStuck = 6 * time.Second // how long after that a call may still arrive
)

// answer is what a caller hears.
type answer struct {
	reply   any
	err     error
	head    ledger.Head // as the call left the sale
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
	r, e, err := s.runs(call)
	h := s.twin.Last()
	if h.Gen != gen && s == w.primary {
		w.spread(false)
	}
	a := answer{r, err, h, e, s.synced || s.most > 0} // the disk has it, or every replica that there ever was
	s.wait(e, w.waitsFor(e, h, err), func(ok bool) {
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
		n := &allotment.News{Door: state, Unsure: unsure || w.chance(0.05)}
		if e.gone || w.chance(w.fates.loss+0.1) {
			continue
		}
		if w.fates.crowded() && e.news != nil { // as in the Runner, newer news replaces news on the way
			n.Unsure = n.Unsure || e.news.Unsure
			*e.news = *n
			continue
		}
		e.news = n
		w.after(w.latency(), func() {
			if e.news == n {
				e.news = nil
			}
			e.hear(*n)
		})
	}
}

// byToken is a call that needs only a claim.
type byToken struct {
	what  tokenCall
	birth uint64
	claim ledger.Claim
	by    time.Duration // of prolong
}

type tokenCall int

// The calls by token.
const (
	confirm tokenCall = iota
	cancel
	look
	prolong
	release
)

func (c tokenCall) String() string {
	return [...]string{"confirm", "cancel", "look at", "prolong", "release"}[c]
}

func (q byToken) run(t *memory.Twin, raw int64) (any, error) {
	switch q.what {
	case confirm:
		return t.Confirm(raw, q.birth, q.claim)
	case cancel:
		return t.Cancel(raw, q.birth, q.claim)
	case prolong:
		return t.Prolong(raw, q.birth, q.claim, q.by)
	case release:
		return t.Release(raw, q.birth, q.claim)
	default:
		return t.Reservation(raw, q.birth, q.claim, 0)
	}
}

// expire is a sweep by another process.
type expire struct{ most int }

// script is what the simulation must know of a call.
type script struct {
	run    func(t *memory.Twin, raw int64) (reply any, err error)
	traced uint64        // its number in traces; 11: an operator's
	widens bool          // somebody will act on the answer, so it waits for the replicas (I5)
	wait   ledger.Mutant // leaves that wait out
	actor  string        // the instance that acts on the answer
}

// with is a method of the twin, and what it is called with.
func with[Q, R any](method func(*memory.Twin, int64, Q) (R, error), q Q) func(*memory.Twin, int64) (any, error) {
	return func(t *memory.Twin, raw int64) (any, error) { return method(t, raw, q) }
}

// The numbers of scripts that are counted.
const (
	leasing    = 1
	renewing   = 2
	givingBack = 4
	numbers    = 17
)

func scriptOf(call any) script {
	switch q := call.(type) {
	case ledger.LeaseRequest:
		return script{with((*memory.Twin).Lease, q), leasing, true, "no-wait-lease", q.Instance}
	case ledger.RenewRequest:
		return script{with((*memory.Twin).Renew, q), renewing, true, "no-wait-renew", q.Instance}
	case ledger.SettleRequest:
		return script{with((*memory.Twin).Settle, q), 3, true, "no-wait-settle", q.Instance}
	case ledger.GiveBackRequest:
		return script{run: with((*memory.Twin).GiveBack, q), traced: givingBack}
	case ledger.ReassertRequest:
		return script{run: with((*memory.Twin).Reassert, q), traced: 5, widens: true}
	case ledger.DeductRequest:
		return script{run: with((*memory.Twin).Deduct, q), traced: 6, widens: true, wait: "no-wait-deduct"}
	case []ledger.DeductRequest:
		return script{run: with((*memory.Twin).DeductEach, q), traced: 14, widens: true, wait: "no-wait-batch"}
	case byToken:
		s := [...]script{confirm: {traced: 7, wait: "no-wait-confirm"}, cancel: {traced: 8}, look: {traced: 9}, prolong: {traced: 15},
			release: {traced: 16}}[q.what]
		s.run, s.widens = q.run, q.what != look
		return s
	case expire:
		return script{run: with((*memory.Twin).Expire, q.most), traced: 10}
	case ledger.TendRequest:
		return script{run: with((*memory.Twin).Tend, q), traced: 12}
	case ledger.EnterRequest:
		return script{run: with((*memory.Twin).EnterDraw, q), traced: 13}
	case ledger.ReopenRequest:
		return script{run: with((*memory.Twin).Reopen, q), traced: 11}
	case ledger.ChangeRequest:
		return script{run: with((*memory.Twin).Change, q), traced: 11}
	case ledger.EditRequest:
		return script{run: with((*memory.Twin).Edit, q), traced: 11}
	}
	panic(fmt.Sprintf("no script for %T", call))
}

// run runs the script, on any server that gets this entry.
func (e *entry) run(t *memory.Twin) (reply any, err error) {
	t.On(e.node)
	return scriptOf(e.call).run(t, e.raw)
}
