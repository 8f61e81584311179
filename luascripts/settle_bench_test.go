//go:build integration

package luascripts

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// BenchmarkSettle is what Redis pays for a unit: claims in batches of 512, CPU as Redis counts it.
func BenchmarkSettle(b *testing.B) {
	for _, hold := range []time.Duration{0, 5 * time.Minute} {
		b.Run("hold="+hold.String(), func(b *testing.B) {
			ctx := context.Background()
			redis := dial(b, rigtest.StartRedis(b).Addr, ledger.DefaultBounds())
			if _, err := redis.Create(ctx, "s", ledger.CreateRequest{Total: uint64(b.N)*512*2 + 2, Hold: hold}); err != nil {
				b.Fatal(err)
			}
			me := ledger.Party{Instance: "i", Node: "n"}
			lease, err := redis.Lease(ctx, "s", ledger.LeaseRequest{Party: me, Request: 1, Want: uint64(b.N) * 512,
				Term: time.Minute})
			if err != nil || lease.Grant.Ranges.Len() != uint64(b.N)*512 {
				b.Fatal(lease, err)
			}
			cpu := infoSum(b, redis, "cpu", "used_cpu_user:", "used_cpu_sys:")
			for i := range b.N {
				claims := make([]ledger.Claim, 512)
				for k := range claims {
					claims[k] = ledger.Claim{Serial: uint32(i*512 + k + 1), Count: 1, Fence: lease.Grant.Fence,
						Nonce:  uint64(i*512 + k + 1),
						Expiry: lease.Grant.Deadline}
				}
				if _, err := redis.Settle(ctx, "s", ledger.SettleRequest{Party: me, Batch: uint64(i + 1),
					Claims: claims}); err != nil {
					b.Fatal(err)
				}
			}
			units := float64(b.N) * 512
			cpu = infoSum(b, redis, "cpu", "used_cpu_user:", "used_cpu_sys:") - cpu
			b.ReportMetric(cpu*1e6/units, "cpu-us/unit")
			b.ReportMetric(infoSum(b, redis, "memory", "used_memory_dataset:")/units, "B/unit")
		})
	}
}

// infoSum adds up fields of Redis' INFO.
func infoSum(b testing.TB, r *Redis, section string, fields ...string) (sum float64) {
	b.Helper()
	info, err := r.client.Do(context.Background(), r.client.B().Info().Section(section).Build()).ToString()
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.SplitSeq(info, "\r\n") {
		for _, field := range fields {
			if text, ok := strings.CutPrefix(line, field); ok {
				n, _ := strconv.ParseFloat(text, 64)
				sum += n
			}
		}
	}
	return sum
}
