package memory

import (
	"errors"
	"testing"
	"time"

	"spike/luascripts/ledger"
)

// A second era that lost nothing does not end the wait for what the first may have lost.
func TestSecondEraKeepsTheFirstOnesWait(t *testing.T) {
	b := ledger.DefaultBounds()
	second := time.Second.Microseconds()
	now := 1000 * second
	on := func(n Node) Node { n.Fed, n.Followed = WasFed, n.Era-1; return n }
	tw := NewTwinOn(on(Node{Era: 1, Run: 1}), now, ledger.CreateRequest{Total: 100, Hold: time.Minute}, b)
	look := func(n Node) ledger.Head {
		t.Helper()
		tw.On(on(n))
		now += second / 10
		r, err := tw.Renew(now, ledger.RenewRequest{Party: ledger.Party{Instance: "i"}, Term: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		return r.Head
	}
	first := look(Node{Era: 2, Run: 2}) // promoted, and there was no replica to wait for
	if first.Reopens == 0 || !tw.lossy {
		t.Fatalf("%+v", first)
	}
	floor := tw.floor
	tw.fence += 10 // leases of lost history came back
	look(Node{Era: 2, Run: 2, Replicas: 1})
	second2 := look(Node{Era: 3, Run: 3})
	if second2.Reopens < first.Reopens || !tw.lossy || tw.floor != floor {
		t.Errorf("first %+v, then %+v, lossy %v, floor %d, was %d", first, second2, tw.lossy, tw.floor, floor)
	}
}

// An instance that has acted on more than is written here proves that history was lost. Any other instance proves nothing.
func TestActingProvesLoss(t *testing.T) {
	for _, c := range []struct {
		name       string
		was, acted uint64
		lossy      bool
	}{
		{"on what is written", 1, 1, false}, {"on more than is written", 1, 1000, true}, {"in an era that never was here", 7, 1, true},
		{"never", 0, 0, false}, {"in this era", 2, 1, false},
		{"in this era, on more than is written", 2, 1000, true},
	} {
		tw := NewTwinOn(Node{Era: 1, Run: 1, Replicas: 1}, 1e9, ledger.CreateRequest{Total: 100, Hold: time.Minute},
			ledger.DefaultBounds())
		tw.On(Node{Era: 2, Run: 2, Followed: 1, Fed: WasFed})
		r, err := tw.Reassert(1e9+1000, ledger.ReassertRequest{Party: ledger.Party{Instance: "i"}, Era: 2, Term: time.Second,
			Was: c.was, LastApplied: c.acted})
		if err != nil || tw.lossy != c.lossy || (r.Reopens-r.Now > time.Minute.Microseconds()) != c.lossy {
			t.Errorf("acted %s: lossy %v, %+v %v", c.name, tw.lossy, r, err)
		}
	}
}

// The fences of a lost history are not used again, whether the clock is behind, or the file knew of no fence.
func TestP2LostFencesDoNotComeAgain(t *testing.T) {
	hour := time.Hour.Microseconds()
	for _, c := range []struct {
		name    string
		granted bool  // before the dump
		behind  int64 // the clock, afterwards
		node    Node
	}{
		{"promoted", true, hour, Node{Era: 2, Run: 2, Followed: 1, Fed: WasFed}},
		{"from its dump", true, hour, Node{Era: 2, Run: 2, Fed: NeverFed}},
		{"from its first dump", false, 2 * hour, Node{Era: 2, Run: 2, Fed: NeverFed}},
		{"with its clock right", false, 0, Node{Era: 2, Run: 2, Fed: NeverFed}},
	} {
		now := 1000 * hour
		tw := NewTwinOn(Node{Era: 1, Run: 1}, now, ledger.CreateRequest{Total: 100, Hold: time.Second}, ledger.DefaultBounds())
		lease := func(raw int64, request uint64) uint64 {
			q := ledger.LeaseRequest{Party: ledger.Party{Instance: "i"}, Request: request, Want: 1, Term: time.Second}
			return must[ledger.LeaseReply](t)(tw.Lease(raw, q)).Grant.Fence
		}
		if c.granted {
			lease(now+1, 1)
		}
		lost := uint64(now + hour) // granted an hour later, by a clock that was right
		tw.On(c.node)
		fence := uint64(0)
		for raw := now + hour - c.behind; fence == 0 && raw < now+2*hour; raw += 400_000 {
			fence = lease(raw, 2)
		}
		if fence <= lost {
			t.Errorf("%s: fence %d after a lost %d", c.name, fence, lost)
		}
	}
}

// The file may be a backup, and the server's replica may be promoted before any edge had the time to say so. Nothing is
// confirmed meanwhile.
func TestBackupThenPromoted(t *testing.T) {
	now := time.UnixMicro(1_700_000_000_000_000)
	e := New(ledger.DefaultBounds(), func() time.Time { return now })
	node := Node{Era: 1, Run: 1, Fed: NeverFed, File: true, Fsynced: true, Replicas: 1}
	e.On(node)
	must[ledger.Head](t)(e.Create(t.Context(), "s", ledger.CreateRequest{Total: 10, Hold: time.Minute}))
	won := must[ledger.DeductReply](t)(e.Deduct(t.Context(), "s", ledger.DeductRequest{N: 1, Nonce: 1}))
	for _, n := range []Node{
		{Era: 2, Run: 2, Fed: NeverFed, File: true, Fsynced: true, Replicas: 1},
		{Era: 3, Run: 3, Followed: 2, Fed: WasFed, File: true, Fsynced: true},
	} {
		now = now.Add(400 * time.Millisecond)
		e.On(n)
		if r, err := e.Confirm(t.Context(), "s", 0, won.Claim); !errors.Is(err, ledger.ErrRecovering) {
			t.Errorf("era %d: %v %v", n.Era, r.Life, err)
		}
	}
}
