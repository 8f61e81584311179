package memory

import (
	"errors"
	"testing"
	"time"

	"spike/luascripts/ledger"
)

// S1: history is cut twice within one recovery. The second cut comes after the time at which the first recovery would have
// ended. Units that were re-asserted in the lost part may be re-asserted again: they are not resolved.
func TestS1TwoCutsInOneRecovery(t *testing.T) {
	second := time.Second.Microseconds()
	now := 1000 * second
	tw := NewTwinOn(Node{Era: 1, Run: 1}, now, ledger.CreateRequest{Total: 100, Hold: time.Second}, ledger.DefaultBounds())
	assert := func(inst string, era, fence uint64, from uint32) ledger.ReassertReply {
		t.Helper()
		held := ledger.Held{Fence: fence, Request: 1, Deadline: now + 5*second, Ranges: ledger.Ranges{{Start: from, End: from + 10}}}
		return must[ledger.ReassertReply](t)(tw.Reassert(now, ledger.ReassertRequest{Party: ledger.Party{Instance: inst},
			Era: era, Term: time.Second, Leases: []ledger.Held{held}}))
	}
	now += second
	tw.On(Node{Era: 2, Run: 2, Fed: NeverFed}) // it has lost the leases of both
	h := assert("other", 2, 1500, 11).Head
	if h.Reopens == 0 || h.Leased != 10 {
		t.Fatalf("%+v", h)
	}
	for h.Reopens-h.Now > second/4 {
		now += second / 5
		h = must[ledger.ExpireReply](t)(tw.Expire(now, 1)).Head
	}
	// Here "late" re-asserts fence 1400, and sells on; all of that is lost.
	now += 3600 * second
	tw.On(Node{Era: 3, Run: 3, Fed: NeverFed})
	c := ledger.Claim{Serial: 1, Count: 1, Fence: 1400, Nonce: 1, Expiry: now + 3600*second}
	settle := func() (ledger.SettleReply, error) {
		return tw.Settle(now, ledger.SettleRequest{Party: ledger.Party{Instance: "late"}, Batch: 1, Claims: []ledger.Claim{c}})
	}
	if r, err := settle(); !errors.Is(err, ledger.ErrReassert) {
		t.Errorf("a claim that may be lost history's: %+v %v", r, err)
	}
	assert("late", 3, 1400, 1)
	if r := must[ledger.SettleReply](t)(settle()); r.Verdicts[0] != ledger.Kept {
		t.Errorf("%+v", r)
	}
}

// Two histories that began with one file have different fences, and fences grow. A dump may be older than the last restart.
func TestS1RestartsFromOneFile(t *testing.T) {
	second := time.Second.Microseconds()
	again := func(era uint64, now int64, cut int) (fence uint64) {
		tw := NewTwinOn(Node{Era: 1, Run: 1}, 1000*second, ledger.CreateRequest{Total: 100, Hold: time.Second},
			ledger.DefaultBounds())
		for ; cut > 0; cut-- { // the second cut is within the recovery of the first
			tw.On(Node{Era: era, Run: era, Fed: NeverFed})
			must[ledger.ExpireReply](t)(tw.Expire(now, 1))
			era, now = era+1, now+second
		}
		for r := (ledger.LeaseReply{}); r.Grant.Fence == 0; now += second / 3 {
			r = must[ledger.LeaseReply](t)(tw.Lease(now, ledger.LeaseRequest{Party: ledger.Party{Instance: "i"}, Request: 1,
				Want: 1, Term: time.Second}))
			fence = r.Grant.Fence
		}
		return fence
	}
	first, second1, third := again(2, 1001*second, 1), again(3, 1060*second, 1), again(3, 1060*second, 2)
	if first >= second1 || second1 >= third {
		t.Errorf("fences %d, %d and, cut again, %d", first, second1, third)
	}
}

// A file that lost nothing by itself may be from a recovery whose end is lost. The fences of that recovery are not used
// again.
func TestS1FilesOfARecovery(t *testing.T) {
	second := time.Second.Microseconds()
	grants := func(nodes ...Node) (fence uint64) {
		now := 1000 * second
		tw := NewTwinOn(Node{Era: 1, Run: 1}, now, ledger.CreateRequest{Total: 100, Hold: time.Second}, ledger.DefaultBounds())
		for _, n := range nodes {
			tw.On(n)
			must[ledger.ExpireReply](t)(tw.Expire(now, 1))
			n.Fsynced = true
			tw.On(n)
			must[ledger.ExpireReply](t)(tw.Expire(now, 1))
		}
		for r := (ledger.LeaseReply{}); r.Grant.Fence == 0; now += second / 3 {
			r = must[ledger.LeaseReply](t)(tw.Lease(now, ledger.LeaseRequest{Party: ledger.Party{Instance: "i"}, Request: 1,
				Want: 1, Term: time.Second}))
			fence = r.Grant.Fence
		}
		return fence
	}
	first := Node{Era: 2, Run: 2, Fed: NeverFed}
	lost, after := grants(first), grants(first, Node{Era: 3, Run: 3, Fed: NeverFed, File: true, Fsynced: true})
	if after <= lost+uint64(second) {
		t.Errorf("fences go on from %d at %d", lost, after)
	}
}

// An edge that has rested through many restarts has acted on nothing that is lost.
func TestRestedThroughManyEras(t *testing.T) {
	now := 1000 * time.Second.Microseconds()
	node := Node{Era: 1, Run: 1, Fed: NeverFed, File: true, Fsynced: true}
	tw := NewTwinOn(node, now, ledger.CreateRequest{Total: 100, Hold: time.Hour}, ledger.DefaultBounds())
	acted := must[ledger.ExpireReply](t)(tw.Expire(now, 1)).Head
	for node.Era = 2; node.Era < 100; node.Era++ {
		node.Run, now = node.Era, now+time.Minute.Microseconds()
		tw.On(node)
		must[ledger.ExpireReply](t)(tw.Expire(now, 1))
	}
	q := ledger.ReassertRequest{Party: ledger.Party{Instance: "i"}, Era: node.Era - 1, Term: time.Second, Was: acted.Era,
		LastApplied: acted.Rev}
	if h := must[ledger.ReassertReply](t)(tw.Reassert(now, q)).Head; h.Reopens-h.Now > (10 * time.Second).Microseconds() {
		t.Errorf("nothing was lost, and nothing is granted for %v", time.Duration(h.Reopens-h.Now)*time.Microsecond)
	}
}
