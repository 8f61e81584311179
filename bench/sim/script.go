package sim

import (
	"fmt"
	"time"

	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

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
	case look:
	}
	return t.Reservation(raw, q.birth, q.claim, 0)
}

// deducts is a call of several buys.
type deducts []ledger.DeductRequest

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

func scriptOf(call any) script {
	switch q := call.(type) {
	case ledger.LeaseRequest:
		return script{with((*memory.Twin).Lease, q), 1, true, "no-wait-lease", q.Instance}
	case ledger.RenewRequest:
		return script{with((*memory.Twin).Renew, q), 2, true, "no-wait-renew", q.Instance}
	case ledger.SettleRequest:
		return script{with((*memory.Twin).Settle, q), 3, true, "no-wait-settle", q.Instance}
	case ledger.GiveBackRequest:
		return script{run: with((*memory.Twin).GiveBack, q), traced: 4}
	case ledger.ReassertRequest:
		return script{run: with((*memory.Twin).Reassert, q), traced: 5, widens: true}
	case ledger.DeductRequest:
		return script{run: with((*memory.Twin).Deduct, q), traced: 6, widens: true, wait: "no-wait-deduct"}
	case deducts:
		return script{run: with((*memory.Twin).DeductEach, []ledger.DeductRequest(q)), traced: 14, widens: true, wait: "no-wait-batch"}
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
