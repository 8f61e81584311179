//go:build integration

package luascripts

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"spike/luascripts/redistest"
)

// BenchmarkSettle is what Redis pays for a unit: claims in batches of 512, by its own count of microseconds.
func BenchmarkSettle(b *testing.B) {
	for _, hold := range []time.Duration{0, 5 * time.Minute} {
		b.Run("hold="+hold.String(), func(b *testing.B) {
			ctx := context.Background()
			redis := dial(b, redistest.Start(b), DefaultBounds())
			if _, err := redis.Create(ctx, "s", CreateRequest{Total: uint64(b.N)*512*2 + 2, Hold: hold}); err != nil {
				b.Fatal(err)
			}
			me := Party{Instance: "i", Node: "n"}
			lease, err := redis.Lease(ctx, "s", LeaseRequest{Party: me, Request: 1, Want: uint64(b.N) * 512, Term: time.Minute})
			if err != nil || lease.Grant.Ranges.Len() != uint64(b.N)*512 {
				b.Fatal(lease, err)
			}
			for i := range b.N {
				claims := make([]Claim, 512)
				for k := range claims {
					claims[k] = Claim{Serial: uint32(i*512 + k + 1), Count: 1, Fence: lease.Grant.Fence, Nonce: uint64(i*512 + k + 1),
						Expiry: lease.Grant.Deadline}
				}
				if _, err := redis.Settle(ctx, "s", SettleRequest{Party: me, Batch: uint64(i + 1), Claims: claims}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/512, "us/unit")
			b.ReportMetric(usedMemory(b, redis)/float64(b.N)/512, "B/unit")
		})
	}
}

func usedMemory(b *testing.B, r *Redis) float64 {
	info, err := r.client.Do(context.Background(), r.client.B().Info().Section("memory").Build()).ToString()
	if err != nil {
		b.Fatal(err)
	}
	var n float64
	for line := range strings.SplitSeq(info, "\r\n") {
		if v, ok := strings.CutPrefix(line, "used_memory_dataset:"); ok {
			n, _ = strconv.ParseFloat(v, 64)
		}
	}
	return n
}
