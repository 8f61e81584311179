package sim

import (
	"fmt"

	"spike/luascripts"
)

// byToken is a call that needs nothing but a claim.
type byToken struct {
	what  tokenCall
	birth uint64
	claim luascripts.Claim
}

type tokenCall int

// The calls by token.
const (
	confirm tokenCall = iota
	cancel
	look
)

func (c tokenCall) String() string { return [...]string{"confirm", "cancel", "look at"}[c] }

// expire is a visitor's sweep.
type expire struct{ most int }

// run is the script, on any server that comes to this entry.
func (e *entry) run(t *luascripts.Twin) (any, luascripts.Head, error) {
	t.On(e.node)
	switch q := e.call.(type) {
	case luascripts.LeaseRequest:
		r, err := t.Lease(e.raw, q)
		return r, r.Head, err
	case luascripts.RenewRequest:
		r, err := t.Renew(e.raw, q)
		return r, r.Head, err
	case luascripts.TendRequest:
		r, err := t.Tend(e.raw, q)
		return r, r.Head, err
	case luascripts.SettleRequest:
		r, err := t.Settle(e.raw, q)
		return r, r.Head, err
	case luascripts.GiveBackRequest:
		r, err := t.GiveBack(e.raw, q)
		return r, r.Head, err
	case luascripts.ReassertRequest:
		r, err := t.Reassert(e.raw, q)
		return r, r.Head, err
	case luascripts.DeductRequest:
		r, err := t.Deduct(e.raw, q)
		return r, r.Head, err
	case luascripts.EnterRequest:
		r, err := t.EnterDraw(e.raw, q)
		return r, r.Head, err
	case byToken:
		r, err := q.run(t, e.raw)
		return r, r.Head, err
	case expire:
		r, err := t.Expire(e.raw, q.most)
		return r, r.Head, err
	case luascripts.ReopenRequest:
		h, err := t.Reopen(e.raw, q)
		return h, h, err
	case luascripts.ChangeRequest:
		h, err := t.Change(e.raw, q)
		return h, h, err
	}
	panic(fmt.Sprintf("no script for %T", e.call))
}

func (q byToken) run(t *luascripts.Twin, raw int64) (luascripts.ReservationReply, error) {
	switch q.what {
	case confirm:
		return t.Confirm(raw, q.birth, q.claim)
	case cancel:
		return t.Cancel(raw, q.birth, q.claim)
	case look:
	}
	return t.Reservation(raw, q.birth, q.claim, 0)
}

// kind tells scripts apart in the trace.
func (e *entry) kind() uint64 {
	switch q := e.call.(type) {
	case luascripts.LeaseRequest:
		return 1
	case luascripts.RenewRequest:
		return 2
	case luascripts.SettleRequest:
		return 3
	case luascripts.GiveBackRequest:
		return 4
	case luascripts.ReassertRequest:
		return 5
	case luascripts.DeductRequest:
		return 6
	case byToken:
		return 7 + uint64(q.what)
	case expire:
		return 10
	case luascripts.TendRequest:
		return 12
	case luascripts.EnterRequest:
		return 13
	}
	return 11
}

// widens says that somebody will act on the answer: it waits for the replicas (I5).
func widens(call any) bool {
	switch q := call.(type) {
	case luascripts.LeaseRequest, luascripts.RenewRequest, luascripts.SettleRequest, luascripts.DeductRequest,
		luascripts.ReassertRequest:
		return true
	case byToken:
		return q.what != look
	}
	return false
}
