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

// expire is a sweep by another process.
type expire struct{ most int }

// run runs the script, on any server that gets this entry.
func (e *entry) run(t *memory.Twin) (reply any, err error) {
	t.On(e.node)
	switch q := e.call.(type) {
	case ledger.LeaseRequest:
		return t.Lease(e.raw, q)
	case ledger.RenewRequest:
		return t.Renew(e.raw, q)
	case ledger.TendRequest:
		return t.Tend(e.raw, q)
	case ledger.SettleRequest:
		return t.Settle(e.raw, q)
	case ledger.GiveBackRequest:
		return t.GiveBack(e.raw, q)
	case ledger.ReassertRequest:
		return t.Reassert(e.raw, q)
	case ledger.DeductRequest:
		return t.Deduct(e.raw, q)
	case deducts:
		return t.DeductEach(e.raw, q)
	case ledger.EnterRequest:
		return t.EnterDraw(e.raw, q)
	case byToken:
		return q.run(t, e.raw)
	case expire:
		return t.Expire(e.raw, q.most)
	case ledger.ReopenRequest:
		return t.Reopen(e.raw, q)
	case ledger.ChangeRequest:
		return t.Change(e.raw, q)
	case ledger.EditRequest:
		return t.Edit(e.raw, q)
	}
	panic(fmt.Sprintf("no script for %T", e.call))
}

func (q byToken) run(t *memory.Twin, raw int64) (ledger.ReservationReply, error) {
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

// trait is what the simulation must know of a kind of call.
type trait struct {
	traced uint64        // its number in traces
	widens bool          // somebody will act on the answer, so it waits for the replicas (I5)
	wait   ledger.Mutant // leaves that wait out
	actor  string        // the instance that acts on the answer
}

func traitOf(call any) trait {
	switch q := call.(type) {
	case ledger.LeaseRequest:
		return trait{1, true, waitLease, q.Instance}
	case ledger.RenewRequest:
		return trait{2, true, waitRenew, q.Instance}
	case ledger.SettleRequest:
		return trait{3, true, waitSettle, q.Instance}
	case ledger.GiveBackRequest:
		return trait{traced: 4}
	case ledger.ReassertRequest:
		return trait{traced: 5, widens: true}
	case ledger.DeductRequest:
		return trait{traced: 6, widens: true, wait: waitDeduct}
	case byToken:
		return [...]trait{confirm: {traced: 7, widens: true, wait: waitConfirm}, cancel: {traced: 8, widens: true}, look: {traced: 9},
			prolong: {traced: 15, widens: true}, release: {traced: 16, widens: true}}[q.what]
	case expire:
		return trait{traced: 10}
	case ledger.TendRequest:
		return trait{traced: 12}
	case ledger.EnterRequest:
		return trait{traced: 13}
	case deducts:
		return trait{traced: 14, widens: true, wait: waitBatch}
	}
	return trait{traced: 11} // an operator's
}
