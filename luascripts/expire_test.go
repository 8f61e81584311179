//go:build integration

package luascripts

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// sellOut leases and settles a whole sale, and returns when its holds end.
func sellOut(t testing.TB, r *Redis, sale string, hold time.Duration) (ends int64) {
	t.Helper()
	ctx := context.Background()
	me := ledger.Party{Instance: "i", Node: "n"}
	batch := uint64(0)
	for request := uint64(1); ; request++ {
		got, err := r.Lease(ctx, sale, ledger.LeaseRequest{Party: me, Request: request, Want: 1 << 30, Term: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if got.Grant.Fence == 0 {
			return ends
		}
		for _, whole := range got.Grant.Ranges {
			for first := whole.Start; first < whole.End; first += 512 {
				var claims []ledger.Claim
				for s := first; s < min(first+512, whole.End); s++ {
					ends = got.Now + hold.Microseconds()
					claims = append(claims, ledger.Claim{Serial: s, Count: 1, Fence: got.Grant.Fence, Nonce: uint64(s), Expiry: ends})
				}
				batch++
				if _, err := r.Settle(ctx, sale, ledger.SettleRequest{Party: me, Batch: batch, Claims: claims}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// If no buyer pays, the whole sale comes back, in slices of bounded size.
func TestHoldsEndInBoundedSlices(t *testing.T) {
	units, slice := uint64(50_000), 128
	if os.Getenv("SPIKE_LONG") != "" {
		units = 1_000_000
	}
	ctx, bounds := context.Background(), ledger.DefaultBounds()
	redis := dial(t, rigtest.StartRedis(t, "--slowlog-log-slower-than", "0", "--slowlog-max-len", "100000").Addr, bounds)
	hold := 20 * time.Second
	if _, err := redis.Create(ctx, "s", ledger.CreateRequest{Total: units, Hold: hold}); err != nil {
		t.Fatal(err)
	}
	ends := sellOut(t, redis, "s", hold)
	if a := mustAudit(t, redis, "s"); a.Pending != units {
		t.Fatalf("%+v", a)
	}
	setClock(t, redis, "s", ends)
	hset(t, redis, "SLOWLOG", "RESET")
	freed, calls := uint64(0), 0
	for due := true; due; calls++ {
		got, err := redis.Expire(ctx, "s", slice)
		if err != nil || got.Freed > uint64(slice+bounds.Group) {
			t.Fatalf("a slice of %d freed %d: %v", slice, got.Freed, err)
		}
		freed, due = freed+got.Freed, got.Due
	}
	took := durations(t, redis)
	if a := mustAudit(t, redis, "s"); freed != units || a.Free != units {
		t.Errorf("%d of %d freed; %+v", freed, units, a)
	}
	at := func(share float64) int64 { return took[int(share*float64(len(took)-1))] }
	t.Logf("%d units in %d slices, which held Redis for: half of them %d us or less, 99 %% %d, 99.9 %% %d, the longest %d", units,
		calls, at(0.5), at(0.99), at(0.999), at(1))
}

// setClock moves a sale's ledger time.
func setClock(t testing.TB, r *Redis, sale string, now int64) {
	t.Helper()
	setFields(t, r, sale, "now", num(now))
}

// durations is how long each command since SLOWLOG RESET has held Redis, in microseconds, sorted.
func durations(t testing.TB, r *Redis) (took []int64) {
	t.Helper()
	entries, err := r.client.Do(context.Background(), r.client.B().SlowlogGet().Count(-1).Build()).ToArray()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		fields, err := e.ToArray()
		if err != nil {
			t.Fatal(err)
		}
		words, err := fields[3].AsStrSlice()
		if err != nil {
			t.Fatal(err)
		}
		if us, err := fields[2].AsInt64(); err == nil && words[0] == "FCALL" {
			took = append(took, us)
		}
	}
	slices.Sort(took)
	return took
}
