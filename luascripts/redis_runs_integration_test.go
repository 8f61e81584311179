//go:build integration

package luascripts

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// Row P7: n units in a row are found if they exist, at a bounded cost, however many free ranges come before them.

// singles makes a sale whose serials 1, 3, 5 ... below 2*n are free and all from 2*n on; the others are sold. In a sale with a
// limit per buyer nothing is leased: they are bought one by one, and every second one is cancelled.
func singles(t testing.TB, r *Redis, sale string, n, rest uint64, limit uint32) {
	t.Helper()
	must[ledger.Head](t)(r.Create(bg, sale, ledger.CreateRequest{Total: 2*n + rest, Hold: time.Hour, Limit: limit}))
	if limit > 0 {
		buySingles(t, r, sale, 2*n)
		return
	}
	me := ledger.Party{Instance: "i", Node: "n"}
	batch, total := uint64(0), uint64(0)
	for request := uint64(1); total < 2*n; request++ {
		got := must[ledger.LeaseReply](t)(r.Lease(bg, sale, ledger.LeaseRequest{Party: me, Request: request, Want: min(2*n-total,
			4000), Term: time.Minute}))
		total += got.Grant.Ranges.Len()
		var claims []ledger.Claim
		for _, piece := range got.Grant.Ranges {
			for s := piece.Start + piece.Start%2; s < piece.End; s += 2 {
				claims = append(claims, ledger.Claim{Serial: s, Count: 1, Fence: got.Grant.Fence, Nonce: uint64(s),
					Expiry: got.Now + time.Hour.Microseconds()})
			}
		}
		for len(claims) > 0 {
			var some []ledger.Claim
			some, claims = claims[:min(512, len(claims))], claims[min(512, len(claims)):]
			batch++
			must[ledger.SettleReply](t)(r.Settle(bg, sale, ledger.SettleRequest{Party: me, Batch: batch, Claims: some}))
		}
	}
	for left := uint64(1); left > 0; { // what is too much for one script comes with the next
		left = must[ledger.RenewReply](t)(r.Renew(bg, sale, ledger.RenewRequest{Party: me, Awaited: 1 << 40,
			Term: time.Second})).Leased
		left += must[ledger.ExpireReply](t)(r.Expire(bg, sale, 128)).Limbo
	}
}

func buySingles(t testing.TB, r *Redis, sale string, n uint64) {
	t.Helper()
	bought := make([]ledger.Claim, n+1)
	each := func(f func(nonce uint64)) {
		var all sync.WaitGroup
		for k := range uint64(16) {
			all.Go(func() {
				for nonce := k + 1; nonce <= n; nonce += 16 {
					f(nonce)
				}
			})
		}
		all.Wait()
	}
	each(func(nonce uint64) {
		got, err := r.Deduct(bg, sale, ledger.DeductRequest{N: 1, Nonce: nonce, Buyer: ledger.Buyer{1, byte(nonce >> 16),
			byte(nonce >> 8), byte(nonce)}})
		if err != nil || got.Answer != ledger.Granted {
			t.Errorf("%+v %v", got, err)
		}
		bought[nonce] = got.Claim
	})
	each(func(nonce uint64) {
		if c := bought[nonce]; c.Serial%2 == 1 {
			if _, err := r.Cancel(bg, sale, 0, c); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestP7RunsAreFoundBehindManySingles(t *testing.T) {
	r := dial(t, rigtest.StartRedis(t).Addr, ledger.DefaultBounds())
	for _, limit := range []uint32{0, 10} {
		t.Run(fmt.Sprintf("limit=%d", limit), func(t *testing.T) {
			sale := "s" + strconv.Itoa(int(limit))
			singles(t, r, sale, 10_000, 500, limit)
			for k, n := range []uint32{2, 5, 100, 2, 5} {
				if limit > 0 {
					n = min(n, limit)
				}
				got := must[ledger.DeductReply](t)(r.Deduct(bg, sale, ledger.DeductRequest{N: n, Nonce: uint64(1<<50 + k),
					Buyer: ledger.Buyer{2, byte(k)}}))
				if got.Answer != ledger.Granted || got.Claim.Count != n || got.Claim.Serial < 20_000 {
					t.Errorf("a buyer of %d: %+v, free %d", n, got, got.Free)
				}
			}
			if one := buyBy(t, r, sale, ledger.Buyer{3}); one.Claim.Serial > 20_000 {
				t.Errorf("a buyer of one breaks up what is left in a row: %+v", one.Claim)
			}
			if a := mustAudit(t, r, sale); !a.OK {
				t.Errorf("%+v", a)
			}
		})
	}
}

func buyBy(t testing.TB, r *Redis, sale string, b ledger.Buyer) ledger.DeductReply {
	t.Helper()
	got := must[ledger.DeductReply](t)(r.Deduct(bg, sale, ledger.DeductRequest{N: 1, Nonce: 1 << 49, Buyer: b}))
	if got.Answer != ledger.Granted {
		t.Fatalf("%+v", got)
	}
	return got
}

// commands is how many commands f makes Redis execute, those of scripts too.
func commands(t testing.TB, r *Redis, f func()) (n int) {
	t.Helper()
	for name, calls := range commandsBy(t, r, f) {
		if name != "info" {
			n += calls
		}
	}
	return n
}

var ofConnections = regexp.MustCompile(`^(config|hello|client|ping|auth|select|command)\b`)

// commandsBy is commands by their names, without those that a connection begins with.
func commandsBy(t testing.TB, r *Redis, f func()) map[string]int {
	t.Helper()
	hset(t, r, "CONFIG", "RESETSTAT")
	f()
	by := map[string]int{}
	info := must[string](t)(r.client.Do(bg, r.client.B().Info().Section("commandstats").Build()).ToString())
	for line := range strings.SplitSeq(info, "\r\n") {
		if name, rest, ok := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls="); ok && !ofConnections.MatchString(name) {
			calls, _, _ := strings.Cut(rest, ",")
			by[name] = must[int](t)(strconv.Atoi(calls))
		}
	}
	return by
}

// A Deduct of one is the same commands with one free range and with 1,500. Their time is BenchmarkDeductBeside's.
func TestP7DeductOfOneIsTheSameWorkWithManyRanges(t *testing.T) {
	r := dial(t, rigtest.StartRedis(t).Addr, ledger.DefaultBounds())
	must[ledger.Head](t)(r.Create(bg, "one", ledger.CreateRequest{Total: 5000, Hold: time.Hour}))
	singles(t, r, "many", 1500, 2000, 0)
	buyOne(t, r, "one", 1) // both scripts are known, both sales have an owner
	buyOne(t, r, "many", 1)
	few := commands(t, r, func() { buyOne(t, r, "one", 2) })
	many := commands(t, r, func() { buyOne(t, r, "many", 2) })
	if many > few {
		t.Errorf("%d commands with one range, %d with 1,500", few, many)
	}
	pair := commands(t, r, func() {
		got := must[ledger.DeductReply](t)(r.Deduct(bg, "many", ledger.DeductRequest{N: 2, Nonce: 3}))
		if got.Answer != ledger.Granted {
			t.Errorf("%+v", got)
		}
	})
	if pair > few+2 {
		t.Errorf("a buyer of two: %d commands, a buyer of one %d", pair, few)
	}
	t.Logf("commands: %d with one range, %d with 1,500; %d for two units", few, many, pair)
}

// BenchmarkDeductBeside is what Redis pays for a Deduct of one, and of two, beside as many free ranges.
func BenchmarkDeductBeside(b *testing.B) {
	for _, c := range []struct {
		n      uint32
		ranges uint64
	}{{1, 0}, {1, 1500}, {1, 100_000}, {2, 0}, {2, 1500}, {2, 100_000}} {
		b.Run(fmt.Sprintf("n=%d/ranges=%d", c.n, c.ranges), func(b *testing.B) {
			r := dial(b, rigtest.StartRedis(b).Addr, ledger.DefaultBounds())
			singles(b, r, "s", c.ranges, uint64(b.N)*uint64(c.n)+2, 0)
			cpu := infoSum(b, r, "cpu", "used_cpu_user:", "used_cpu_sys:")
			hset(b, r, "CONFIG", "RESETSTAT")
			for i := range b.N {
				got, err := r.Deduct(bg, "s", ledger.DeductRequest{N: c.n, Nonce: uint64(i + 1)})
				if err != nil || got.Answer != ledger.Granted {
					b.Fatal(got, err)
				}
				if c.n == 1 && c.ranges > 0 && i%16 == 0 { // so many singles stay
					must[ledger.ReservationReply](b)(r.Cancel(bg, "s", 0, got.Claim))
				}
			}
			cpu = infoSum(b, r, "cpu", "used_cpu_user:", "used_cpu_sys:") - cpu
			b.ReportMetric(cpu*1e6/float64(b.N), "cpu-us/call")
			b.ReportMetric(usecPerScript(b, r), "us/script")
		})
	}
}
