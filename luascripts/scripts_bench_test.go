//go:build integration

package luascripts

import (
	"encoding/binary"
	"testing"
	"time"

	"spike/luascripts/ledger"
	"spike/luascripts/redistest"
	"spike/shard"
)

// BenchmarkScripts is what Redis pays for a call of the scripts that run most, in CPU as Redis counts it.
func BenchmarkScripts(b *testing.B) {
	me := ledger.Party{Instance: "i", Node: "n"}
	for _, bench := range []struct {
		name string
		call func(b *testing.B, r *Redis, g ledger.Grant, i uint64)
	}{
		{"lease and giveback", func(b *testing.B, r *Redis, _ ledger.Grant, i uint64) {
			got := must[ledger.LeaseReply](b)(r.Lease(b.Context(), "s", ledger.LeaseRequest{Party: me, Request: i + 2, Want: 100,
				Term: time.Minute}))
			must[ledger.GiveBackReply](b)(r.GiveBack(b.Context(), "s", ledger.GiveBackRequest{Party: me,
				Parts: []ledger.Part{{Fence: got.Grant.Fence, Range: got.Grant.Ranges[0]}}}))
		}},
		{"settle 16", func(b *testing.B, r *Redis, g ledger.Grant, i uint64) {
			claims := make([]ledger.Claim, 16)
			for k := range claims {
				n := i*16 + uint64(k)
				claims[k] = ledger.Claim{Serial: uint32(n%g.Ranges.Len()) + 1, Count: 1, Fence: g.Fence, Nonce: n, Expiry: g.Deadline}
			}
			must[ledger.SettleReply](b)(r.Settle(b.Context(), "s", ledger.SettleRequest{Party: me, Batch: i + 1, Claims: claims}))
		}},
		{"deduct", func(b *testing.B, r *Redis, _ ledger.Grant, i uint64) {
			must[ledger.DeductReply](b)(r.Deduct(b.Context(), "s", ledger.DeductRequest{N: 1, Nonce: i + 1, Buyer: ledger.Buyer{1}}))
		}},
		{"deduct 32 under keys", func(b *testing.B, r *Redis, _ ledger.Grant, i uint64) {
			qs := make([]ledger.DeductRequest, 32)
			for k := range qs {
				n := i*32 + uint64(k) + 1
				qs[k] = ledger.DeductRequest{N: 1, Nonce: n}
				binary.BigEndian.PutUint64(qs[k].Buyer[:], n)
				binary.BigEndian.PutUint64(qs[k].Key[8:], n)
			}
			must[[]ledger.Deducted](b)(r.DeductEach(b.Context(), "limited", qs))
		}},
		{"renew", func(b *testing.B, r *Redis, g ledger.Grant, _ uint64) {
			must[ledger.RenewReply](b)(r.Renew(b.Context(), "s", ledger.RenewRequest{Party: me, Awaited: 2, Term: time.Minute,
				Fences: []uint64{g.Fence}}))
		}},
		{"confirm", func(b *testing.B, r *Redis, g ledger.Grant, i uint64) {
			must[ledger.ReservationReply](b)(r.Confirm(b.Context(), "s", 0, ledger.Claim{Serial: uint32(i%g.Ranges.Len()) + 1,
				Count: 1, Fence: g.Fence,
				Nonce: i, Expiry: g.Deadline}))
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			r := dial(b, redistest.Start(b), ledger.DefaultBounds())
			must[ledger.Head](b)(r.Create(b.Context(), "s", ledger.CreateRequest{Total: 1_000_000, Hold: 5 * time.Minute}))
			must[ledger.Head](b)(r.Create(b.Context(), "limited", ledger.CreateRequest{Total: 2_000_000, Hold: 5 * time.Minute, Limit: 2}))
			g := must[ledger.LeaseReply](b)(r.Lease(b.Context(), "s", ledger.LeaseRequest{Party: me, Request: 1,
				Want: ledger.MaxLease, Term: time.Minute})).Grant
			if len(g.Ranges) != 1 || g.Ranges[0] != (shard.Range{Start: 1, End: ledger.MaxLease + 1}) {
				b.Fatalf("%+v", g)
			}
			cpu := infoSum(b, r, "cpu", "used_cpu_user:", "used_cpu_sys:")
			for i := range uint64(b.N) {
				bench.call(b, r, g, i)
			}
			cpu = infoSum(b, r, "cpu", "used_cpu_user:", "used_cpu_sys:") - cpu
			b.ReportMetric(cpu*1e6/float64(b.N), "cpu-us/call")
		})
	}
}
