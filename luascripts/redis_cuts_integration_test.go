//go:build integration

package luascripts

import (
	"errors"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// S1 on a Redis that loses what came after its dump, twice. The second loss comes when the first recovery would have been
// over.
func TestS1TwoCutsOnRedis(t *testing.T) {
	t.Parallel()
	b := ledger.DefaultBounds()
	b.Lease, b.Margin = 500*time.Millisecond, 500*time.Millisecond
	addr, dir := rigtest.FreeAddr(t), t.TempDir()
	s := dial(t, rigtest.StartRedisAt(t, addr, "--dir", dir).Addr, b)
	sale := newSale(t, s, ledger.CreateRequest{Total: 100, Hold: time.Second})
	command("SAVE")(t, s)
	w := &busySale{s: s, sale: sale}
	var held [2]ledger.Held
	for i, inst := range []string{"late", "other"} {
		g := must[ledger.LeaseReply](t)(s.Lease(bg, sale, ledger.LeaseRequest{Party: ledger.Party{Instance: inst}, Request: 1,
			Want: 20, Term: b.Lease})).Grant
		held[i] = ledger.Held{Fence: g.Fence, Request: 1, Deadline: g.Deadline + time.Hour.Microseconds(), Ranges: g.Ranges}
	}
	restart := func() uint64 {
		ends(t, s, addr)
		rigtest.StartRedisAt(t, addr, "--dir", dir)
		return w.again(t).Era
	}
	reassert := func(inst string, era uint64, h ledger.Held) {
		r := must[ledger.ReassertReply](t)(s.Reassert(bg, sale, ledger.ReassertRequest{Party: ledger.Party{Instance: inst},
			Era: era, Term: b.Lease, Leases: []ledger.Held{h}}))
		if len(r.Grants) != 1 || r.Grants[0].Deadline == 0 {
			t.Fatalf("%s in era %d: %+v", inst, era, r)
		}
	}
	era := restart()
	reassert("other", era, held[1])
	command("SAVE")(t, s)
	reassert("late", era, held[0])
	time.Sleep(b.Lease + b.Margin + 2*time.Second) // the dump's recovery is over by any clock
	era = restart()
	c := ledger.Claim{Serial: held[0].Ranges[0].Start, Count: 1, Fence: held[0].Fence, Nonce: 1, Expiry: held[0].Deadline}
	settle := func() (ledger.SettleReply, error) {
		return s.Settle(bg, sale, ledger.SettleRequest{Party: ledger.Party{Instance: "late"}, Batch: 1, Claims: []ledger.Claim{c}})
	}
	if r, err := settle(); !errors.Is(err, ledger.ErrReassert) {
		t.Errorf("a claim that may be lost history's: %+v %v", r, err)
	}
	reassert("late", era, held[0])
	if r := must[ledger.SettleReply](t)(settle()); r.Verdicts[0] != ledger.Kept {
		t.Errorf("%+v", r)
	}
}
