//go:build integration

package luascripts

import (
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// Row P7: a lease for buyers of several units in a row has such ranges.
func TestP7LeaseHasTheRunItsBuyersNeed(t *testing.T) {
	r := dial(t, rigtest.StartRedis(t).Addr, ledger.DefaultBounds())
	singles(t, r, "s", 10_000, 1000, 0)
	for k, run := range []uint32{5, 2, 100} {
		got := must[ledger.LeaseReply](t)(r.Lease(bg, "s", ledger.LeaseRequest{Party: ledger.Party{Instance: "i", Node: "n"},
			Request: uint64(100_000 + k), Want: 200,
			Term: time.Minute, Run: run}))
		if !hasRun(got.Grant.Ranges, run) {
			t.Errorf("for %d in a row: %+v", run, got.Grant)
		}
	}
	if a := mustAudit(t, r, "s"); !a.OK {
		t.Errorf("%+v", a)
	}
}

func hasRun(ranges ledger.Ranges, n uint32) bool {
	for _, r := range ranges {
		if r.Len() >= n {
			return true
		}
	}
	return false
}

// A ledger that the version before has written has no index by length. The index is built in slices, and nobody gets a wrong
// "no" meanwhile. The same holds if a process of that version writes beside us.
func TestP7LedgerOfTheVersionBeforeIsIndexed(t *testing.T) {
	r := dial(t, rigtest.StartRedis(t).Addr, ledger.DefaultBounds())
	singles(t, r, "s", 10_000, 1000, 0)
	ledgerKey, lengths := Keys("s")[1], Keys("s")[15]
	for _, before := range [][][]string{
		{{"DEL", lengths}, {"HDEL", ledgerKey, "indexed", "walk", "packed"}},              // upgraded
		{{"DEL", lengths}, {"HINCRBY", ledgerKey, "rev", "1"}},                            // an old process beside us
		{{"ZADD", lengths, "7", "junk"}, {"HSET", ledgerKey, "walk", "-1", "packed", ""}}, // found out
		{{"ZADD", lengths, "2", string([]byte{0, 0, 0, 2})}},                              // a range that is not free
	} {
		for _, c := range before {
			hset(t, r, c...)
		}
		got := must[ledger.DeductReply](t)(r.Deduct(bg, "s", ledger.DeductRequest{N: 2, Nonce: got()}))
		if got.Answer != ledger.Granted || got.Claim.Serial < 20_000 {
			t.Errorf("after %v: %+v", before, got)
		}
		for k := 0; ; k++ {
			held := must[ledger.Holdings](t)(r.holdings(bg, "s"))
			if held.Indexed >= 0 {
				break
			}
			if k == 100 {
				t.Fatal("the index is not whole after 100 scripts")
			}
			must[ledger.ExpireReply](t)(r.Expire(bg, "s", 1))
		}
		if a := mustAudit(t, r, "s"); !a.OK {
			t.Errorf("after %v: %+v", before, a)
		}
	}
}

var nonces uint64

func got() uint64 { nonces++; return nonces }

// The audit notices if the two indexes of free ranges differ.
func TestP7AuditComparesTheIndexes(t *testing.T) {
	r := dial(t, rigtest.StartRedis(t).Addr, ledger.DefaultBounds())
	singles(t, r, "s", 10, 1000, 0)
	lengths := Keys("s")[15]
	for _, c := range [][2][]string{
		{{"ZADD", lengths, "7", string([]byte{0, 0, 0, 3})}, {"ZADD", lengths, "1", string([]byte{0, 0, 0, 3})}},
		{{"ZREM", lengths, string([]byte{0, 0, 0, 3})}, {"ZADD", lengths, "1", string([]byte{0, 0, 0, 3})}},
		{{"ZADD", lengths, "7", string([]byte{0, 0, 0, 4})}, {"ZREM", lengths, string([]byte{0, 0, 0, 4})}},
	} {
		hset(t, r, c[0]...)
		if a := must[ledger.Audit](t)(r.Audit(bg, "s")); a.OK {
			t.Errorf("%q is not seen", c[0])
		}
		hset(t, r, c[1]...)
		if a := must[ledger.Audit](t)(r.Audit(bg, "s")); !a.OK {
			t.Errorf("%+v", a)
		}
	}
}

// An audit of more than a slice of everything: 3,000 free ranges, 300 leases, and owners.
func TestAuditInSlices(t *testing.T) {
	r := dial(t, rigtest.StartRedis(t).Addr, ledger.DefaultBounds())
	singles(t, r, "s", 3000, 5000, 0)
	for k := range 300 {
		must[ledger.LeaseReply](t)(r.Lease(bg, "s", ledger.LeaseRequest{Party: ledger.Party{Instance: "i" + num(k), Node: "n"},
			Request: 1, Want: 3, Term: time.Minute}))
	}
	a := mustAudit(t, r, "s")
	if !a.OK || !a.Scanned || a.Pending != 3000 || a.Leased == 0 || a.Free+a.Leased != 8000 {
		t.Errorf("%+v", a)
	}
	hset(t, r, "HSET", Keys("s")[6], "5999", string(make([]byte, 24))+"p"+string(make([]byte, 4)))
	if a := must[ledger.Audit](t)(r.Audit(bg, "s")); a.OK || len(a.Violations) == 0 {
		t.Errorf("a free serial has an owner, and nobody sees it: %+v", a)
	}
}
