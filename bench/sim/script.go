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
func (e *entry) run(t *memory.Twin) (any, ledger.Head, error) {
	t.On(e.node)
	switch q := e.call.(type) {
	case ledger.LeaseRequest:
		r, err := t.Lease(e.raw, q)
		return r, r.Head, err
	case ledger.RenewRequest:
		r, err := t.Renew(e.raw, q)
		return r, r.Head, err
	case ledger.TendRequest:
		r, err := t.Tend(e.raw, q)
		return r, r.Head, err
	case ledger.SettleRequest:
		r, err := t.Settle(e.raw, q)
		return r, r.Head, err
	case ledger.GiveBackRequest:
		r, err := t.GiveBack(e.raw, q)
		return r, r.Head, err
	case ledger.ReassertRequest:
		r, err := t.Reassert(e.raw, q)
		return r, r.Head, err
	case ledger.DeductRequest:
		r, err := t.Deduct(e.raw, q)
		return r, r.Head, err
	case deducts:
		r, err := t.DeductEach(e.raw, q)
		return r, t.Last(), err
	case ledger.EnterRequest:
		r, err := t.EnterDraw(e.raw, q)
		return r, r.Head, err
	case byToken:
		r, err := q.run(t, e.raw)
		return r, r.Head, err
	case expire:
		r, err := t.Expire(e.raw, q.most)
		return r, r.Head, err
	case ledger.ReopenRequest:
		h, err := t.Reopen(e.raw, q)
		return h, h, err
	case ledger.ChangeRequest:
		h, err := t.Change(e.raw, q)
		return h, h, err
	case ledger.EditRequest:
		h, err := t.Edit(e.raw, q)
		return h, h, err
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

// kind tells scripts apart in the trace.
func (e *entry) kind() uint64 {
	switch q := e.call.(type) {
	case ledger.LeaseRequest:
		return 1
	case ledger.RenewRequest:
		return 2
	case ledger.SettleRequest:
		return 3
	case ledger.GiveBackRequest:
		return 4
	case ledger.ReassertRequest:
		return 5
	case ledger.DeductRequest:
		return 6
	case byToken:
		if q.what > look {
			return 15 + uint64(q.what-prolong)
		}
		return 7 + uint64(q.what)
	case expire:
		return 10
	case ledger.TendRequest:
		return 12
	case ledger.EnterRequest:
		return 13
	case deducts:
		return 14
	}
	return 11
}

// widens says whether somebody will act on the answer. Then it waits for the replicas (I5).
func widens(call any) bool {
	switch q := call.(type) {
	case ledger.LeaseRequest, ledger.RenewRequest, ledger.SettleRequest, ledger.DeductRequest, deducts,
		ledger.ReassertRequest:
		return true
	case byToken:
		return q.what != look
	}
	return false
}
