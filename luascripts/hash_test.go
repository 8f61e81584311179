//go:build integration

package luascripts

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
	"spike/shard"
)

// Changes of the hash by hand, and how they are reported.

func hset(t testing.TB, r *Redis, words ...string) {
	t.Helper()
	if err := r.client.Do(context.Background(), r.client.B().Arbitrary(words...).Build()).Error(); err != nil {
		t.Fatal(err)
	}
}

// setFields writes fields of a sale's ledger by hand. It leaves no packed numbers beside them.
func setFields(t testing.TB, r *Redis, sale string, fields ...string) {
	t.Helper()
	hset(t, r, append([]string{"HSET", Keys(sale)[1], "packed", ""}, fields...)...)
}

func grab(r *Redis, sale string, want uint64) (ledger.LeaseReply, error) {
	return r.Lease(context.Background(), sale, ledger.LeaseRequest{Party: ledger.Party{Instance: "i", Node: "n"},
		Request: uint64(time.Now().UnixNano()), Want: want, Term: 5 * time.Second})
}

func mustAudit(t testing.TB, r *Redis, sale string) ledger.Audit {
	t.Helper()
	a, err := r.Audit(context.Background(), sale)
	if err != nil || !a.OK {
		t.Fatalf("%+v %v", a, err)
	}
	return a
}

func TestHashMadeByHandIsASale(t *testing.T) {
	r := dial(t, rigtest.StartRedis(t).Addr, ledger.DefaultBounds())
	hset(t, r, "HMSET", "ticket_hash_key", "ticket_total_nums", "10", "ticket_sold_nums", "4")
	if a := mustAudit(t, r, "ticket"); a.Free != 6 || a.Confirmed != 4 { // before anything was written
		t.Errorf("untouched: %+v", a)
	}
	got, err := grab(r, "ticket", 100)
	if err != nil || got.Grant.Ranges[0].Start != 5 || got.Hold != 0 ||
		got.Grant.Hold != ledger.DefaultBounds().Cover.Microseconds() {
		t.Fatalf("serials 1..4 are sold elsewhere: %+v %v", got, err)
	}
	if a := mustAudit(t, r, "ticket"); a.Leased != 3 || a.Free != 3 || a.Confirmed != 4 {
		t.Errorf("%+v", a)
	}
}

func TestHashThatMakesNoSenseIsRefusedByName(t *testing.T) {
	r := dial(t, rigtest.StartRedis(t).Addr, ledger.DefaultBounds())
	for name, c := range map[string]struct {
		fields []string
		says   string
	}{
		"nototal":  {[]string{"ticket_sold_nums", "0"}, "ticket_total_nums is missing"},
		"nosold":   {[]string{"ticket_total_nums", "5"}, "ticket_sold_nums is missing"},
		"words":    {[]string{"ticket_total_nums", "ten", "ticket_sold_nums", "0"}, "ticket_total_nums is not a whole number"},
		"float":    {[]string{"ticket_total_nums", "1.5", "ticket_sold_nums", "0"}, "ticket_total_nums is not a whole number"},
		"negative": {[]string{"ticket_total_nums", "-5", "ticket_sold_nums", "0"}, "ticket_total_nums is negative"},
		"minus":    {[]string{"ticket_total_nums", "5", "ticket_sold_nums", "-1"}, "ticket_sold_nums is negative"},
		"huge":     {[]string{"ticket_total_nums", "99999999999999999999", "ticket_sold_nums", "0"}, "ticket_total_nums is more than"},
		"over":     {[]string{"ticket_total_nums", "5", "ticket_sold_nums", "6"}, "ticket_sold_nums is more than ticket_total_nums"},
	} {
		hset(t, r, append([]string{"HSET", name + "_hash_key"}, c.fields...)...)
		_, err := grab(r, name, 1)
		if !errors.Is(err, ledger.ErrBadSale) || !strings.Contains(err.Error(), name+"_hash_key: "+c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	hset(t, r, "SET", "text_hash_key", "10")
	if _, err := grab(r, "text", 1); !errors.Is(err, ledger.ErrBadSale) || !strings.Contains(err.Error(), "it is a string") {
		t.Error(err)
	}
	if _, err := grab(r, "none", 1); !errors.Is(err, ledger.ErrNoSale) {
		t.Error(err)
	}
}

// TestHandsOnTheHashOfALiveSale proves G43.
func TestHandsOnTheHashOfALiveSale(t *testing.T) {
	ctx := context.Background()
	r := dial(t, rigtest.StartRedis(t).Addr, ledger.DefaultBounds())
	hset(t, r, "HMSET", "ticket_hash_key", "ticket_total_nums", "10", "ticket_sold_nums", "0")
	first := must[ledger.LeaseReply](t)(grab(r, "ticket", 2))
	party := ledger.Party{Birth: first.Birth, Instance: "i", Node: "n"}

	hset(t, r, "HSET", "ticket_hash_key", "ticket_total_nums", "15") // raised: more stock
	must[ledger.LeaseReply](t)(grab(r, "ticket", 1))
	if a := mustAudit(t, r, "ticket"); a.Total != 15 {
		t.Errorf("%+v", a)
	}

	hset(t, r, "HSET", "ticket_hash_key", "ticket_sold_nums", "3") // nobody sold three
	foreign(t, r, "ticket_sold_nums was changed by hand")
	claim := ledger.Claim{Serial: 1, Count: 1, Fence: first.Grant.Fence, Nonce: 1, Expiry: first.Now + 1e6}
	settled, err := r.Settle(ctx, "ticket", ledger.SettleRequest{Party: party, Batch: 1, Claims: []ledger.Claim{claim}})
	if err != nil || settled.Verdicts[0] != ledger.Kept {
		t.Errorf("what was sold is settled all the same: %+v %v", settled, err)
	}
	if a, err := r.Audit(ctx, "ticket"); err != nil || a.OK || a.Pending != 1 {
		t.Errorf("the audit names it: %+v %v", a, err)
	}
	hset(t, r, "HSET", "ticket_hash_key", "ticket_sold_nums", "1") // put right
	mustAudit(t, r, "ticket")

	hset(t, r, "HSET", "ticket_hash_key", "ticket_total_nums", "12")
	foreign(t, r, "lowered")
	hset(t, r, "DEL", "ticket_hash_key")
	foreign(t, r, "is gone")
	hset(t, r, "HMSET", "ticket_hash_key", "ticket_total_nums", "15", "ticket_sold_nums", "1")
	foreign(t, r, "old ledger")
	loseTheLedger(t, r)

	if err := r.Remove(ctx, "ticket"); err != nil {
		t.Fatal(err)
	}
	hset(t, r, "HMSET", "ticket_hash_key", "ticket_total_nums", "5", "ticket_sold_nums", "0")
	if _, err := r.Settle(ctx, "ticket", ledger.SettleRequest{Party: party, Batch: 2,
		Claims: []ledger.Claim{claim}}); !errors.Is(err, ledger.ErrBirth) {
		t.Errorf("a claim of the sale before: %v", err)
	}
	must[ledger.LeaseReply](t)(grab(r, "ticket", 1))
	mustAudit(t, r, "ticket")
}

// foreign says that the sale grants nothing, because a hand has changed it.
func foreign(t *testing.T, r *Redis, why string) {
	t.Helper()
	if _, err := grab(r, "ticket", 1); !errors.Is(err, ledger.ErrForeign) || !strings.Contains(err.Error(), why) {
		t.Errorf("%v, not %s", err, why)
	}
}

// loseTheLedger: a sale that has lost its ledger is neither adopted nor made again.
func loseTheLedger(t *testing.T, r *Redis) {
	t.Helper()
	lost := Keys("ticket")[1]
	for _, hash := range [][]string{{"HSET", "ticket_hash_key", "birth", "1"}, {"HDEL", "ticket_hash_key", "birth"}} {
		hset(t, r, "DEL", lost) // as an eviction would
		hset(t, r, hash...)
		foreign(t, r, "lost its ledger")
	}
	hset(t, r, "DEL", "ticket_hash_key")
	if _, err := r.Create(context.Background(), "ticket", ledger.CreateRequest{Total: 5}); !errors.Is(err, ledger.ErrExists) {
		t.Errorf("made over what was leased and sold: %v", err)
	}
}

// A whole lease in one settle call, in claims as large as can be.
func TestLargestBatch(t *testing.T) {
	ctx := context.Background()
	r := dial(t, rigtest.StartRedis(t).Addr, ledger.DefaultBounds())
	if _, err := r.Create(ctx, "s", ledger.CreateRequest{Total: 200_000, Hold: time.Minute}); err != nil {
		t.Fatal(err)
	}
	const claimed = ledger.MaxLease / 100
	got, err := grab(r, "s", 512*100)
	if err != nil || got.Grant.Ranges.Len() != ledger.MaxLease {
		t.Fatal(got, err)
	}
	var claims []ledger.Claim
	for i := range uint32(claimed) {
		claims = append(claims, ledger.Claim{Serial: i*100 + 1, Count: 100, Fence: got.Grant.Fence, Nonce: uint64(i),
			Expiry: got.Grant.Deadline})
	}
	q := ledger.SettleRequest{Party: ledger.Party{Instance: "i", Node: "n"}, Batch: 1, Claims: claims}
	for range 2 { // and once more: nothing changes
		settled, err := r.Settle(ctx, "s", q)
		if err != nil || settled.Pending != claimed*100 {
			t.Fatal(settled.Head, err)
		}
		for _, v := range settled.Verdicts {
			if v != ledger.Kept {
				t.Fatal(settled.Verdicts)
			}
		}
	}
	mustAudit(t, r, "s")
}

func TestLargestSale(t *testing.T) {
	r := dial(t, rigtest.StartRedis(t).Addr, ledger.DefaultBounds())
	hset(t, r, "HMSET", "s_hash_key", "ticket_total_nums", "4294967294", "ticket_sold_nums", "4294967290")
	got, err := grab(r, "s", 10)
	if err != nil || got.Grant.Ranges[0] != (shard.Range{Start: 4294967291, End: 4294967293}) {
		t.Fatalf("%+v %v", got, err)
	}
	got, err = grab(r, "s", 10)
	if err != nil || got.Grant.Ranges[0] != (shard.Range{Start: 4294967293, End: 4294967294}) {
		t.Fatalf("%+v %v", got, err)
	}
	if a := mustAudit(t, r, "s"); a.Leased != 3 || a.Free != 1 {
		t.Errorf("%+v", a)
	}
}
