//go:build integration

package luascripts

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
	"spike/shard"
)

// A bound for every script: a run that looks for slow scripts. The work of each is counted in commands, because machines are
// busy. The time that each held Redis is printed. With SPIKE_SLOW set, on an idle machine, no script may take 10 ms.
// SPIKE_LONG makes the run large.

// slow is a Redis that notes what it executes.
type slow struct {
	*Redis
	t     testing.TB
	names map[string]string // of scripts, by their functions
	worst map[string]took
}

// took is how long a script held Redis: at the worst, and one of ten calls of 200 us or more in that part of the run.
type took struct {
	us, tenth int64
	where     string
}

func newSlow(t testing.TB) *slow {
	s := &slow{Redis: dial(t, rigtest.StartRedis(t, "--slowlog-log-slower-than", "200", "--slowlog-max-len", "50000").Addr,
		ledger.DefaultBounds()), t: t,
		names: map[string]string{}, worst: map[string]took{}}
	for name, one := range s.scripts.named() {
		s.names[one.function] = name + ".lua"
	}
	return s
}

// part runs a part of the run.
func (s *slow) part(where string, f func()) {
	s.t.Helper()
	hset(s.t, s.Redis, "SLOWLOG", "RESET")
	hset(s.t, s.Redis, "CONFIG", "RESETSTAT")
	cpu := infoSum(s.t, s.Redis, "cpu", "used_cpu_user:", "used_cpu_sys:")
	f()
	cpu = infoSum(s.t, s.Redis, "cpu", "used_cpu_user:", "used_cpu_sys:") - cpu
	scripts := callsOf(s.t, s.Redis, "fcall")
	s.t.Logf("%s: %d scripts, of %.0f us of Redis' CPU on average", where, scripts, cpu*1e6/float64(max(scripts, 1)))
	calls := map[string][]int64{}
	entries := must[[]rueidis.RedisMessage](s.t)(s.client.Do(bg, s.client.B().SlowlogGet().Count(-1).Build()).ToArray())
	for _, e := range entries {
		fields := must[[]rueidis.RedisMessage](s.t)(e.ToArray())
		words := must[[]string](s.t)(fields[3].AsStrSlice())
		name := words[0]
		if name == "FCALL" {
			name = s.names[words[1]]
		}
		if name != "SLOWLOG" {
			calls[name] = append(calls[name], must[int64](s.t)(fields[2].AsInt64()))
		}
	}
	for name, us := range calls {
		slices.Sort(us)
		if w := (took{us[len(us)-1], us[len(us)*9/10], where}); w.us > s.worst[name].us {
			s.worst[name] = w
		}
	}
}

// callsOf is how often a command was executed since RESETSTAT.
func callsOf(t testing.TB, r *Redis, command string) int {
	t.Helper()
	info := must[string](t)(r.client.Do(bg, r.client.B().Info().Section("commandstats").Build()).ToString())
	_, rest, _ := strings.Cut(info, "cmdstat_"+command+":calls=")
	text, _, _ := strings.Cut(rest, ",")
	n, _ := strconv.Atoi(text)
	return n
}

// report prints the slowest of each, and is strict where it is asked to be.
func (s *slow) report() {
	var names []string
	for name := range s.worst {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(s.worst[b].us, s.worst[a].us) })
	for _, name := range names {
		w := s.worst[name]
		s.t.Logf("%-24s %6d us at the worst, one of ten %6d: %s", name, w.us, w.tenth, w.where)
		if os.Getenv("SPIKE_SLOW") != "" && w.us >= 10_000 {
			s.t.Errorf("%s held Redis for %d us: %s", name, w.us, w.where)
		}
	}
}

func (s *slow) sale(name string, total uint64, hold time.Duration) {
	must[ledger.Head](s.t)(s.Create(bg, name, ledger.CreateRequest{Total: total, Hold: hold}))
}

// lease is all of a sale, or as much as one grant gives.
func (s *slow) lease(sale, inst string, want uint64) ledger.Grant {
	return must[ledger.LeaseReply](s.t)(s.Lease(bg, sale, ledger.LeaseRequest{Party: ledger.Party{Instance: inst, Node: "n"},
		Request: rand.Uint64N(1 << 40), Want: want,
		Term: time.Minute})).Grant
}

// settle sells a grant in claims of n, in the batches an edge makes.
func (s *slow) settleAll(sale, inst string, g ledger.Grant, n uint32) {
	var claims []ledger.Claim
	for _, r := range g.Ranges {
		for at := r.Start; at+n <= r.End; at += n {
			claims = append(claims, ledger.Claim{Serial: at, Count: n, Fence: g.Fence, Nonce: uint64(at), Expiry: g.Deadline})
		}
	}
	for batch := uint64(1); len(claims) > 0; batch++ {
		var some []ledger.Claim
		some, claims = ledger.Batch(claims, 512)
		must[ledger.SettleReply](s.t)(s.Settle(bg, sale, ledger.SettleRequest{Party: ledger.Party{Instance: inst, Node: "n"},
			Batch: batch, Claims: some}))
	}
}

func large(few, many uint64) uint64 {
	if os.Getenv("SPIKE_LONG") != "" {
		return many
	}
	return few
}

func TestNoScriptIsSlow(t *testing.T) {
	s := newSlow(t)
	defer s.report()
	only := os.Getenv("SPIKE_ONLY")
	for name, f := range map[string]func(){"selling": s.selling, "scattered": s.scattered, "holds": s.holdsEnd, "edges": s.edgesDie,
		"tokens": s.tokens,
		"lost":   s.historyIsLost, "looking": s.looking, "lots": s.lots, "buys": s.buysTogether,
		"limit": s.limited, "payment": s.paid} {
		if only == "" || only == name {
			f()
		}
	}
	s.stream()
}

func (s *slow) selling() {
	for _, n := range []uint32{1, 100} {
		for _, hold := range []time.Duration{0, time.Hour} {
			sale := fmt.Sprintf("sell%d-%d", n, hold)
			s.sale(sale, 400_000, hold)
			s.part(fmt.Sprintf("512 units settled, %d a claim, hold %v", n, hold), func() {
				s.settleAll(sale, "i", s.lease(sale, "i", 100_000), n)
			})
		}
	}
}

// scattered is a sale in which every second unit is free.
func (s *slow) scattered() {
	n := large(20_000, 1_000_000)
	singles(s.t, s.Redis, "single", n, 1000, 0)
	s.part("leases of single units, given back", func() {
		var parts []ledger.Part
		for k := range 8 {
			for _, r := range s.lease("single", "i"+num(k%2), 64).Ranges {
				parts = append(parts, ledger.Part{Fence: 0, Range: r})
			}
		}
		for k := range 8 {
			g := s.lease("single", "i", 64)
			for _, r := range g.Ranges {
				parts[k*64%len(parts)] = ledger.Part{Fence: g.Fence, Range: r}
			}
		}
		must[ledger.GiveBackReply](s.t)(s.GiveBack(bg, "single", ledger.GiveBackRequest{Party: ledger.Party{Instance: "i",
			Node: "n"}, Parts: parts[:256]}))
		must[ledger.RenewReply](s.t)(s.Renew(bg, "single", ledger.RenewRequest{Party: ledger.Party{Instance: "i", Node: "n"},
			Awaited: 1 << 50, Term: time.Second}))
	})
	s.part("buying among single units", func() {
		for k, n := range []uint32{1, 2, 100} {
			must[ledger.DeductReply](s.t)(s.Deduct(bg, "single", ledger.DeductRequest{N: n, Nonce: uint64(1<<51 + k)}))
		}
	})
	s.part("256 single units given back one by one", func() {
		g := s.lease("single", "j", 1000)
		var parts []ledger.Part
		for _, r := range g.Ranges {
			parts = append(parts, ledger.Part{Fence: g.Fence, Range: r})
		}
		must[ledger.GiveBackReply](s.t)(s.GiveBack(bg, "single", ledger.GiveBackRequest{Party: ledger.Party{Instance: "j",
			Node: "n"}, Parts: parts}))
	})
	s.part("an audit of single units", func() { mustAudit(s.t, s.Redis, "single") })
	s.part("the index made anew", func() {
		hset(s.t, s.Redis, "HDEL", Keys("single")[1], "indexed", "walk", "packed")
		must[ledger.DeductReply](s.t)(s.Deduct(bg, "single", ledger.DeductRequest{N: 2, Nonce: 1 << 52}))
	})
	s.part("remove", func() { _ = s.Remove(bg, "single") })
}

// buysTogether is a sale with a limit, whose buyers' units lie far apart. They buy in full calls; they come again at their limit;
// and they come again when none has paid in time.
func (s *slow) buysTogether() {
	const limit, buyers = 4, 1000
	must[ledger.Head](s.t)(s.Create(bg, "together", ledger.CreateRequest{Total: 2 * limit * buyers, Hold: time.Hour, Limit: limit}))
	nonce := uint64(1 << 51)
	all := func(want ledger.Answer) {
		var qs []ledger.DeductRequest
		for b := range buyers {
			nonce++
			q := ledger.DeductRequest{N: 1, Nonce: nonce, Buyer: ledger.Buyer{1, byte(b >> 8), byte(b)}}
			binary.BigEndian.PutUint64(q.Key[:], nonce)
			if qs = append(qs, q); (len(qs)+1)*q.Units(limit) <= ledger.MaxDeductUnits && b < buyers-1 {
				continue
			}
			for _, r := range must[[]ledger.Deducted](s.t)(s.DeductEach(bg, "together", qs)) {
				if r.Err != nil || r.Answer != want {
					s.t.Fatalf("%+v", r)
				}
			}
			qs = nil
		}
	}
	s.part("buys under keys in full calls", func() {
		for range limit {
			all(ledger.Granted)
		}
	})
	s.part("buyers at their limit in full calls", func() { all(ledger.OverLimit) })
	setClock(s.t, s.Redis, "together", must[ledger.ShowReply](s.t)(s.Show(bg, "together")).Now+2*time.Hour.Microseconds())
	s.part("buyers who did not pay in full calls", func() { all(ledger.Granted) })
	if a := mustAudit(s.t, s.Redis, "together"); !a.OK {
		s.t.Errorf("%+v", a)
	}
}

func (s *slow) holdsEnd() {
	for _, step := range []uint32{1, 2} { // whole groups, and every second unit of each
		sale := "hold" + num(step)
		total := large(20_000, 1_000_000)
		s.sale(sale, total, time.Hour)
		for left := total; left > 0; {
			g := s.lease(sale, "i", min(left, 1<<16))
			left -= g.Ranges.Len()
			s.settleAll(sale, "i", g, 1)
		}
		head := must[ledger.ShowReply](s.t)(s.Show(bg, sale)).Head
		if step == 2 {
			for serial := uint32(2); serial < 4000; serial += 2 {
				c, _ := s.ownerOf(sale, serial)
				must[ledger.ReservationReply](s.t)(s.Confirm(bg, sale, 0, c))
			}
		}
		setClock(s.t, s.Redis, sale, head.Now+2*time.Hour.Microseconds())
		s.part(fmt.Sprintf("512 holds end, %d apart", step), func() {
			for k := range 60 {
				if k%2 == 0 {
					must[ledger.ExpireReply](s.t)(s.Expire(bg, sale, 512))
				} else {
					must[ledger.RenewReply](s.t)(s.Renew(bg, sale, ledger.RenewRequest{Party: ledger.Party{Instance: "i",
						Node: "n"}, Term: time.Second}))
				}
			}
		})
	}
}

// ownerOf is the claim a serial belongs to.
func (s *slow) ownerOf(sale string, serial uint32) (ledger.Claim, string) {
	value := must[string](s.t)(s.client.Do(bg, s.client.B().Hget().Key(Keys(sale)[6]).Field(num(serial)).Build()).ToString())
	c := ledger.Claim{Serial: serial, Count: 1}
	for k := range 8 {
		c.Fence = c.Fence<<8 | uint64(value[k])
		c.Nonce = c.Nonce<<8 | uint64(value[8+k])
		c.Expiry = c.Expiry<<8 | int64(value[16+k])
	}
	return c, value
}

// edgesDie is 200 edges that die with single units, and one that comes back and lets go of 100 leases of them.
func (s *slow) edgesDie() {
	singles(s.t, s.Redis, "dead", 20_000, 1000, 0)
	for k := range 200 {
		s.lease("dead", "dead"+num(k), 64)
	}
	for range 100 {
		s.lease("dead", "back", 64)
	}
	s.part("the holders of 300 leases of single units", func() {
		r := must[ledger.Holders](s.t)(s.Holders(bg, "dead"))
		if len(r.Instances) == 0 || r.Left == 0 {
			s.t.Errorf("%d instances, %d left out", len(r.Instances), r.Left)
		}
	})
	s.part("an edge lets go of 100 leases", func() {
		must[ledger.RenewReply](s.t)(s.Renew(bg, "dead", ledger.RenewRequest{Party: ledger.Party{Instance: "back", Node: "n"},
			Awaited: 1 << 50, Term: time.Second}))
	})
	for _, later := range []time.Duration{2 * time.Minute, 2 * time.Hour} {
		head := must[ledger.ShowReply](s.t)(s.Show(bg, "dead")).Head
		setClock(s.t, s.Redis, "dead", head.Now+later.Microseconds())
		s.part("the leases of 200 edges end", func() {
			for due := true; due; {
				due = must[ledger.ExpireReply](s.t)(s.Expire(bg, "dead", 64)).Due
			}
		})
	}
	if a := mustAudit(s.t, s.Redis, "dead"); a.Leased+a.Limbo > 0 {
		s.t.Errorf("%+v", a)
	}
}

// tokens is a dead edge whose buyers show their tokens in any order: the lease falls into thousands of pieces.
func (s *slow) tokens() {
	n := large(4000, 16_000)
	s.sale("tokens", 2*n+2, time.Hour)
	g := s.lease("tokens", "i", 2*n)
	order := rand.New(rand.NewPCG(1, 1)).Perm(int(g.Ranges[0].Len() / 2))
	s.part("tokens of one lease in any order", func() {
		for _, k := range order {
			serial := g.Ranges[0].Start + 2*uint32(k)
			c := ledger.Claim{Serial: serial, Count: 1, Fence: g.Fence, Nonce: uint64(serial), Expiry: g.Deadline}
			if r := must[ledger.ReservationReply](s.t)(s.Confirm(bg, "tokens", 0, c)); r.Life != ledger.IsConfirmed {
				s.t.Fatalf("%+v: %+v", c, r)
			}
		}
	})
	held := must[ledger.Holdings](s.t)(s.holdings(bg, "tokens"))
	if got := held.Leases[g.Fence].Rest; len(got) != len(order) ||
		got[0] != (shard.Range{Start: g.Ranges[0].Start + 1, End: g.Ranges[0].Start + 2}) {
		s.t.Errorf("%d pieces left, want %d: %v ...", len(got), len(order), got[:min(3, len(got))])
	}
	party := ledger.Party{Instance: "i", Node: "n"}
	s.part("a lease in thousands of pieces is settled, and given back", func() {
		s.settlePieces(party, g, held.Leases[g.Fence].Rest)
	})
	s.part("a lease in thousands of pieces is renewed, and ends", func() {
		must[ledger.RenewReply](s.t)(s.Renew(bg, "tokens", ledger.RenewRequest{Party: party, Term: time.Second,
			Fences: []uint64{g.Fence}}))
		for range 2 {
			setClock(s.t, s.Redis, "tokens", must[ledger.ShowReply](s.t)(s.Show(bg, "tokens")).Now+2*time.Hour.Microseconds())
			for due := true; due; {
				due = must[ledger.ExpireReply](s.t)(s.Expire(bg, "tokens", 64)).Due
			}
		}
	})
	if a := mustAudit(s.t, s.Redis, "tokens"); a.Leased+a.Limbo > 0 {
		s.t.Errorf("%+v", a)
	}
}

// settlePieces settles every second piece of a lease, and gives the others back.
func (s *slow) settlePieces(party ledger.Party, g ledger.Grant, pieces ledger.Ranges) {
	var claims []ledger.Claim
	var parts []ledger.Part
	for k, r := range pieces {
		if k%2 == 0 {
			claims = append(claims, ledger.Claim{Serial: r.Start, Count: 1, Fence: g.Fence, Nonce: uint64(r.Start),
				Expiry: g.Deadline})
		} else {
			parts = append(parts, ledger.Part{Fence: g.Fence, Range: r})
		}
	}
	for k := range len(claims) / 512 {
		must[ledger.SettleReply](s.t)(s.Settle(bg, "tokens", ledger.SettleRequest{Party: party, Batch: uint64(k) + 1,
			Claims: claims[512*k:][:512]}))
		must[ledger.GiveBackReply](s.t)(s.GiveBack(bg, "tokens", ledger.GiveBackRequest{Party: party,
			Parts: parts[256*k:][:256]}))
	}
}

// historyIsLost is a thousand edges with leases of single units in a history that was cut, and one that says it has them all.
func (s *slow) historyIsLost() {
	n := large(200, 1000)
	singles(s.t, s.Redis, "lost", 64*n, 1000, 0)
	last := uint64(0)
	for k := range n {
		last = s.lease("lost", "lost"+num(k), 64).Fence
	}
	setFields(s.t, s.Redis, "lost", "era", "1", "run", "1")
	h := must[ledger.ExpireReply](s.t)(s.Expire(bg, "lost", 1)).Head
	var ranges ledger.Ranges
	for k := range uint32(1000) {
		ranges = append(ranges, shard.Range{Start: 2*k + 1, End: 2*k + 2})
	}
	s.part(fmt.Sprintf("an edge says that it has what %d others have", n), func() {
		for k, r := range []ledger.Ranges{ranges, {{Start: 1, End: 2000}}} {
			must[ledger.ReassertReply](s.t)(s.Reassert(bg, "lost",
				ledger.ReassertRequest{Party: ledger.Party{Instance: "late" + num(k), Node: "n"}, Era: h.Era, Term: time.Minute,
					Leases: []ledger.Held{{Fence: last + uint64(k) + 1<<30, Request: 1, Ranges: r}}}))
		}
	})
	if a := mustAudit(s.t, s.Redis, "lost"); !a.OK {
		s.t.Errorf("%+v", a)
	}
}

func (s *slow) looking() {
	n := large(100_000, 3_000_000)
	s.sale("look", n, time.Hour)
	for left := n; left > 0; {
		g := s.lease("look", "i", min(left, 1<<18))
		left -= g.Ranges.Len()
		s.settleAll("look", "i", g, 1)
	}
	s.part("an audit of sold units", func() {
		from := time.Now()
		a := mustAudit(s.t, s.Redis, "look")
		s.t.Logf("an audit of %d sold units: %v, census %v", n, time.Since(from), a.Scanned)
	})
	s.part("remove", func() { _ = s.Remove(bg, "look") })
}

func (s *slow) lots() {
	n := large(20_000, 1_000_000)
	must[ledger.Head](s.t)(s.Create(bg, "lots", ledger.CreateRequest{Total: 1000, Hold: time.Hour, Shuffle: time.Hour,
		Seed: ledger.NewSeed()}))
	s.part("buyers enter a draw", func() {
		for at := uint64(0); at < n; at += ledger.MaxEntering {
			q := ledger.EnterRequest{Buyers: make([]ledger.Buyer, ledger.MaxEntering)}
			for k := range q.Buyers {
				id := at + uint64(k) + 1
				q.Buyers[k] = ledger.Buyer{byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)}
			}
			must[ledger.EnterReply](s.t)(s.EnterDraw(bg, "lots", q))
		}
	})
	ledgerKey := Keys("lots")[1]
	shuffle := must[string](s.t)(s.client.Do(bg, s.client.B().Hget().Key(ledgerKey).Field("shuffle").Build()).ToString())
	clockAlone := shuffle[:strings.LastIndexByte(shuffle, ' ')] + " -1" // says when the window is over
	setFields(s.t, s.Redis, "lots", "opens", num(time.Now().Add(-2*time.Hour).UnixMicro()), "shuffle", clockAlone)
	s.part("lots are drawn, and shown", func() {
		must[ledger.ExpireReply](s.t)(s.Expire(bg, "lots", 1))
		if r := must[ledger.DrawReply](s.t)(s.Draw(bg, "lots", 500, 1000)); len(r.Buyers) == 0 {
			s.t.Errorf("%+v", r.Head)
		}
	})
	s.part("remove", func() { _ = s.Remove(bg, "lots") })
}

// limited is a buyer who has as many units as any limit allows, each bought alone.
func (s *slow) limited() {
	must[ledger.Head](s.t)(s.Create(bg, "limited", ledger.CreateRequest{Total: 1000, Hold: time.Hour, Limit: ledger.MaxLimit}))
	for nonce := range uint64(ledger.MaxLimit) {
		must[ledger.DeductReply](s.t)(s.Deduct(bg, "limited", ledger.DeductRequest{N: 1, Nonce: nonce + 1, Buyer: ledger.Buyer{1}}))
	}
	s.part("a buyer of a hundred units asks for its own", func() {
		for range 10 {
			if r := must[ledger.MineReply](s.t)(s.Mine(bg, "limited", 0, ledger.Buyer{1})); len(r.Claims) != ledger.MaxLimit {
				s.t.Errorf("%d reservations", len(r.Claims))
			}
		}
	})
}

// paid is reservations of as many units as one buy may have.
func (s *slow) paid() {
	s.sale("paid", 20*ledger.MaxUnits, time.Hour)
	var claims []ledger.Claim
	for nonce := range uint64(10) {
		r := must[ledger.DeductReply](s.t)(s.Deduct(bg, "paid", ledger.DeductRequest{N: ledger.MaxUnits, Nonce: nonce + 1}))
		claims = append(claims, r.Claim)
	}
	each := func(where string, does func(c ledger.Claim) bool) {
		s.part(where, func() {
			for _, c := range claims {
				if !does(c) {
					s.t.Errorf("%s: not of %+v", where, c)
				}
			}
		})
	}
	each("the holds of a hundred units are prolonged", func(c ledger.Claim) bool {
		return must[ledger.ReservationReply](s.t)(s.Prolong(bg, "paid", 0, c, time.Minute)).Life == ledger.IsPending
	})
	each("a serial of a hundred is looked up", func(c ledger.Claim) bool {
		return must[ledger.UnitReply](s.t)(s.Unit(bg, "paid", 0, c.Serial+c.Count-1, ledger.Claim{})).Claim.Count == c.Count
	})
	each("a hundred units are released", func(c ledger.Claim) bool {
		return must[ledger.ReservationReply](s.t)(s.Release(bg, "paid", 0, c)).Life == ledger.IsRefunded
	})
	each("a serial of a hundred that were released is looked up", func(c ledger.Claim) bool {
		id := ledger.Claim{Fence: c.Fence, Nonce: c.Nonce}
		return must[ledger.UnitReply](s.t)(s.Unit(bg, "paid", 0, c.Serial+c.Count-1, id)).Claim.Count == c.Count
	})
}

// stream is what the order workers drop: settled batches, all acknowledged.
func (s *slow) stream() {
	sale := must[[]string](s.t)(s.List(bg))
	g := ledger.Group{Name: ledger.OrdersGroup, Consumer: "a"}
	for _, name := range sale {
		for {
			events := must[[]ledger.Event](s.t)(s.ReadEvents(bg, name, g, 200))
			if len(events) == 0 {
				break
			}
			ids := make([]string, len(events))
			for k, e := range events {
				ids[k] = e.ID
			}
			if err := s.AckEvents(bg, name, g, ids); err != nil {
				s.t.Fatal(err)
			}
		}
		s.part("the stream is trimmed", func() {
			for range 3 {
				if err := s.TrimEvents(bg, name); err != nil {
					s.t.Error(err)
				}
			}
		})
	}
}
