//go:build integration

package luascripts

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// The cost of a script is counted in commands: their times are BenchmarkScripts'.

// A look at a sale is four commands: the hash, the ledger, the clock and INFO.
func TestShowIsFourCommands(t *testing.T) {
	r := dial(t, rigtest.StartRedis(t).Addr, ledger.DefaultBounds())
	sale := newSale(t, r, ledger.CreateRequest{Total: 9, Hold: time.Minute})
	must[ledger.ShowReply](t)(r.Show(bg, sale)) // loads the library
	want, got := map[string]int{"fcall": 1, "hmget": 2, "time": 1, "info": 1}, map[string]int{}
	for range 3 { // the client itself asks for INFO now and then
		if got = commandsBy(t, r, func() { must[ledger.ShowReply](t)(r.Show(bg, sale)) }); maps.Equal(got, want) {
			return
		}
	}
	t.Errorf("%v, want %v", got, want)
}

// A call of many buys is as many commands as one of few: each key is read once and written once.
func TestACallOfBuysWritesEachKeyOnce(t *testing.T) {
	r := dial(t, rigtest.StartRedis(t).Addr, ledger.DefaultBounds())
	sale := newSale(t, r, ledger.CreateRequest{Total: 999, Hold: time.Minute, Limit: 2})
	nonce := uint64(0)
	buy := func(n int) {
		qs := make([]ledger.DeductRequest, n)
		for k := range qs {
			nonce++
			qs[k] = ledger.DeductRequest{N: 1, Nonce: nonce, Buyer: ledger.Buyer{1, byte(nonce >> 8), byte(nonce)},
				Key: ledger.IdempotencyKey{1, byte(nonce >> 8), byte(nonce)}}
		}
		for _, d := range must[[]ledger.Deducted](t)(r.DeductEach(bg, sale, qs)) {
			if d.Answer != ledger.Granted {
				t.Fatalf("%+v", d)
			}
		}
	}
	buy(1) // loads the library
	want := map[string]int{"fcall": 1, "hmget": 4, "time": 1, "info": 1, "zrangebyscore": 2, "lindex": 1, "zrem": 2, "zadd": 3,
		"hset": 4, "hincrby": 2, "xadd": 1, "rpush": 1}
	var got map[string]int
	for _, n := range []int{2, 24, 48, 100, 100} { // the client itself asks for INFO now and then
		if got = commandsBy(t, r, func() { buy(n) }); got["info"] == 1 && !maps.Equal(got, want) {
			t.Errorf("%d buys: %v, want %v", n, got, want)
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// The work of a lease, a renewal, a settle, a give-back and a sweep does not grow with the edges that hold leases: it is the same
// commands, and none of them reads a whole hash.
func TestNothingGrowsWithTheEdges(t *testing.T) {
	r := dial(t, rigtest.StartRedis(t).Addr, ledger.DefaultBounds())
	few, many := edgesDo(t, r, "few", 2), edgesDo(t, r, "many", 1000)
	for what, by := range many {
		if !maps.Equal(by, few[what]) {
			t.Errorf("%s: %v with two edges, %v with 1,000", what, few[what], by)
		}
		for _, whole := range []string{"hgetall", "hscan", "hkeys", "hvals", "zscan"} {
			if by[whole] > 0 {
				t.Errorf("%s: %v", what, by)
			}
		}
	}
}

// A lease that is in thousands of pieces is settled whatever the order of the claims, each once; a repeat changes nothing, and
// a serial that is no longer there is found not to be.
func TestSettleALeaseInPieces(t *testing.T) {
	r := dial(t, rigtest.StartRedis(t).Addr, ledger.DefaultBounds())
	sale := newSale(t, r, ledger.CreateRequest{Total: ledger.MaxLease, Hold: time.Hour})
	me := ledger.Party{Instance: "i", Node: "n"}
	g := must[ledger.LeaseReply](t)(r.Lease(bg, sale, ledger.LeaseRequest{Party: me, Request: 1, Want: ledger.MaxLease / 2,
		Term: time.Minute})).Grant
	var odd, even []ledger.Claim
	for s := g.Ranges[0].Start; s < g.Ranges[0].End; s++ {
		c := ledger.Claim{Serial: s, Count: 1, Fence: g.Fence, Nonce: uint64(s), Expiry: g.Deadline}
		if s%2 == 0 {
			even = append(even, c)
		} else {
			odd = append(odd, c)
		}
	}
	batch := uint64(0)
	settle := func(claims []ledger.Claim, want ledger.Verdict) {
		t.Helper()
		rand.Shuffle(len(claims), func(i, j int) { claims[i], claims[j] = claims[j], claims[i] })
		for ; len(claims) > 0; claims = claims[min(512, len(claims)):] {
			batch++
			got := must[ledger.SettleReply](t)(r.Settle(bg, sale, ledger.SettleRequest{Party: me, Batch: batch,
				Claims: claims[:min(512, len(claims))]}))
			if i := slices.IndexFunc(got.Verdicts, func(v ledger.Verdict) bool { return v != want }); i >= 0 {
				t.Fatalf("batch %d: %+v is %v, not %v", batch, claims[i], got.Verdicts[i], want)
			}
		}
	}
	settle(odd, ledger.Kept)
	settle(slices.Clone(odd), ledger.Kept)
	others := slices.Clone(odd)
	for i := range others {
		others[i].Nonce += 1 << 40
	}
	settle(others, ledger.Resolved)
	settle(even, ledger.Kept)
	if a := must[ledger.Audit](t)(r.Audit(bg, sale)); !a.OK || a.Pending != uint64(len(odd)+len(even)) || a.Leased != 0 {
		t.Errorf("%+v", a)
	}
}

// edgesDo is the commands of what one of so many edges does, by what it does.
func edgesDo(t *testing.T, r *Redis, sale string, edges int) map[string]map[string]int {
	must[ledger.Head](t)(r.Create(bg, sale, ledger.CreateRequest{Total: 1 << 30, Hold: time.Hour}))
	lease := func(inst string, request uint64) ledger.Grant {
		return must[ledger.LeaseReply](t)(r.Lease(bg, sale, ledger.LeaseRequest{Party: ledger.Party{Instance: inst, Node: "n"},
			Request: request, Want: 1000, Term: time.Minute})).Grant
	}
	for i := range edges {
		lease(fmt.Sprint(i), 1)
	}
	me := ledger.Party{Instance: "0", Node: "n"}
	var g ledger.Grant
	by := map[string]map[string]int{}
	for _, step := range []struct {
		what string
		do   func()
	}{
		{"lease", func() { g = lease("0", 2) }},
		{"renew", func() {
			must[ledger.RenewReply](t)(r.Renew(bg, sale, ledger.RenewRequest{Party: me, Awaited: 1 << 40, Term: time.Minute,
				Fences: []uint64{g.Fence}}))
		}},
		{"settle", func() {
			var claims []ledger.Claim
			for s := range uint32(512) {
				claims = append(claims, ledger.Claim{Serial: g.Ranges[0].Start + s, Count: 1, Fence: g.Fence, Nonce: uint64(s),
					Expiry: g.Deadline})
			}
			must[ledger.SettleReply](t)(r.Settle(bg, sale, ledger.SettleRequest{Party: me, Batch: 1, Claims: claims}))
		}},
		{"give back", func() {
			rest := g.Ranges[0]
			rest.Start += 512
			must[ledger.GiveBackReply](t)(r.GiveBack(bg, sale, ledger.GiveBackRequest{Party: me,
				Parts: []ledger.Part{{Fence: g.Fence, Range: rest}}}))
		}},
		{"sweep", func() { must[ledger.ExpireReply](t)(r.Expire(bg, sale, 64)) }},
	} {
		by[step.what] = commandsBy(t, r, step.do)
		delete(by[step.what], "info") // the client itself asks now and then
	}
	return by
}
