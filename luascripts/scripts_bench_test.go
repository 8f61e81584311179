//go:build integration

package luascripts

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// BenchmarkScripts is how long a call of the scripts that run most holds Redis, as Redis counts it, with one instance and with
// many. Sixteen callers call at once, as edges do: a Redis that wakes up for each call by itself takes twice as long.
func BenchmarkScripts(b *testing.B) {
	for _, edges := range []int{1, 1000} {
		for _, one := range benched {
			b.Run(fmt.Sprintf("%s/instances=%d", one.name, edges), func(b *testing.B) {
				s := newBenchSale(b, edges)
				for range 50 { // the first calls load the script, and make what lasts
					one.call(s)
				}
				hset(b, s.Redis, "CONFIG", "RESETSTAT")
				b.SetParallelism(8)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						one.call(s)
					}
				})
				b.ReportMetric(usecPerScript(b, s.Redis), "redis-us/call")
			})
		}
	}
}

// benchSale is two sales of one Redis, and how far an instance has come in them.
type benchSale struct {
	*Redis
	b     *testing.B
	me    ledger.Party
	calls atomic.Uint64

	mu    sync.Mutex
	grant ledger.Grant // whole, or what is left of one
}

// The sales of a benchSale: units of the first are leased, the other has a limit per buyer.
const leased, limited = "leased", "limited"

func newBenchSale(b *testing.B, edges int) *benchSale {
	s := &benchSale{Redis: dial(b, rigtest.StartRedis(b).Addr, ledger.DefaultBounds()), b: b,
		me: ledger.Party{Instance: "0", Node: "n"}}
	s.me.Birth = must[ledger.Head](b)(s.Create(bg, leased, ledger.CreateRequest{Total: 1 << 31, Hold: 5 * time.Minute})).Birth
	must[ledger.Head](b)(s.Create(bg, limited, ledger.CreateRequest{Total: 1 << 31, Hold: 5 * time.Minute, Limit: 2}))
	for i := range edges {
		s.grant = s.lease(ledger.Party{Instance: strconv.Itoa(edges - 1 - i), Node: "n"}, 100)
	}
	return s
}

// next numbers the calls.
func (s *benchSale) next() uint64 { return s.calls.Add(1) }

func (s *benchSale) lease(by ledger.Party, want uint64) ledger.Grant {
	s.b.Helper()
	return must[ledger.LeaseReply](s.b)(s.Lease(bg, leased, ledger.LeaseRequest{Party: by, Request: s.next(), Want: want,
		Term: time.Minute})).Grant
}

// claims are n more claims of single units of the grant; the next grant's, if it has no more.
func (s *benchSale) claims(n uint64) (claims []ledger.Claim) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.grant.Ranges.Len() < n {
		s.grant = s.lease(s.me, ledger.MaxLease)
	}
	for uint64(len(claims)) < n {
		one := &s.grant.Ranges[0]
		claims = append(claims, ledger.Claim{Serial: one.Start, Count: 1, Fence: s.grant.Fence, Nonce: s.next(),
			Expiry: s.grant.Deadline + 1e9, Buyer: ledger.Buyer{1}})
		if one.Start++; one.Start == one.End {
			s.grant.Ranges = s.grant.Ranges[1:]
		}
	}
	return claims
}

// benched are the calls, one of each.
var benched = []struct {
	name string
	call func(*benchSale)
}{
	{"show", func(s *benchSale) { must[ledger.ShowReply](s.b)(s.Show(bg, leased)) }},
	{"deduct", func(s *benchSale) {
		n := s.next()
		must[ledger.DeductReply](s.b)(s.Deduct(bg, limited, ledger.DeductRequest{N: 1, Nonce: n, Buyer: buyerOf(num(n))}))
	}},
	{"deduct 24 under keys", func(s *benchSale) {
		qs := make([]ledger.DeductRequest, 24)
		for k := range qs {
			qs[k] = ledger.DeductRequest{N: 1, Nonce: s.next()}
			binary.BigEndian.PutUint64(qs[k].Buyer[:], qs[k].Nonce)
			binary.BigEndian.PutUint64(qs[k].Key[8:], qs[k].Nonce)
		}
		must[[]ledger.Deducted](s.b)(s.DeductEach(bg, limited, qs))
	}},
	{"renew", func(s *benchSale) {
		must[ledger.RenewReply](s.b)(s.Renew(bg, leased, ledger.RenewRequest{Party: s.me, Awaited: 1 << 40,
			Term: time.Minute, Fences: []uint64{s.grant.Fence}}))
	}},
	{"lease and give back", func(s *benchSale) {
		g := s.lease(s.me, 100)
		must[ledger.GiveBackReply](s.b)(s.GiveBack(bg, leased, ledger.GiveBackRequest{Party: s.me,
			Parts: []ledger.Part{{Fence: g.Fence, Range: g.Ranges[0]}}}))
	}},
	{"settle 512", func(s *benchSale) {
		must[ledger.SettleReply](s.b)(s.Settle(bg, leased, ledger.SettleRequest{Party: s.me, Batch: s.next(), Claims: s.claims(512)}))
	}},
}

// usecPerScript is what a script holds Redis for, since RESETSTAT, as a function or by its hash.
func usecPerScript(b *testing.B, r *Redis) float64 {
	b.Helper()
	info := must[string](b)(r.client.Do(bg, r.client.B().Info().Section("commandstats").Build()).ToString())
	var calls, us float64
	for line := range strings.Lines(info) {
		if strings.HasPrefix(line, "cmdstat_fcall:") || strings.HasPrefix(line, "cmdstat_evalsha:") {
			var one, took float64
			_, _ = fmt.Sscanf(line[strings.Index(line, ":"):], ":calls=%g,usec=%g", &one, &took)
			calls, us = calls+one, us+took
		}
	}
	return us / calls
}
