package allotment

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"spike/luascripts/ledger"
	"spike/shard"
)

// crowd takes from an allotment on more threads than there are CPUs. So the system stops some of them in the middle of a Take,
// for milliseconds. The test plays the Keeper, in rounds.
type crowd struct {
	a     *Allotment
	k     *Keeper
	now   atomic.Int64 // both clocks
	wins  atomic.Int64
	again atomic.Int64
	stop  atomic.Bool
	all   sync.WaitGroup
}

func newCrowd(t *testing.T) *crowd {
	procs := runtime.GOMAXPROCS(8)
	c := &crowd{}
	c.now.Store(int64(time.Hour))
	c.a = newAllotment(shard.New(2), ringsOf(newRing(1<<14)), c.clock, ledger.DefaultBounds())
	c.k = newKeeper(Config{Bounds: ledger.DefaultBounds()}, c.a)
	for range 6 {
		c.all.Go(func() {
			for !c.stop.Load() {
				switch _, o := c.a.Take(1, ledger.Buyer{}); o {
				case Won:
					c.wins.Add(1)
				case Again:
					c.again.Add(1)
				case Empty, Full:
				}
			}
		})
	}
	t.Cleanup(func() {
		c.end()
		runtime.GOMAXPROCS(procs)
	})
	return c
}

func (c *crowd) end() {
	c.stop.Store(true)
	c.all.Wait()
}

func (c *crowd) clock() Instant { n := c.now.Load(); return Instant{n, n} }

// grant puts a lease on sale, as Keeper.take does.
func (c *crowd) grant(fence uint64, ranges ledger.Ranges) *holding {
	h := &holding{Lease: &Lease{fence: fence, hold: 1}, ranges: ranges, rest: ledger.NewRangeSet(ranges)}
	h.term.Store(&Term{sellMono: 1 << 62, sellWall: 1 << 62, deadline: 1 << 60})
	c.k.now = c.clock()
	c.k.leases = append(c.k.leases, h)
	c.k.publish(c.a.table.Load().with(h.Lease, ranges))
	c.k.fill(ranges)
	return h
}

// sell waits until no more than left is left, and discards the ring's records.
func (c *crowd) sell(left uint64, seen func(record)) {
	for c.a.stock.Len() > left {
		c.read(seen)
		runtime.Gosched()
	}
	c.read(seen)
}

func (c *crowd) read(seen func(record)) {
	c.a.ring.collect(1<<16, seen)
	c.a.ring.free()
}

// Grants beside takers leave no serial in doubt, because none of their leases ever lapsed.
func TestGrantsCauseNoDoubt(t *testing.T) {
	c := newCrowd(t)
	var leases []*holding
	next, fence, ended := uint32(1), uint64(0), 0
	count := func(r record) {
		if r.kind == claim {
			leases[r.Fence-1].rest.CutAll(shard.Range{Start: r.Serial, End: r.Serial + r.Count})
		}
	}
	for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end); {
		fence++
		leases = append(leases, c.grant(fence, ledger.Ranges{{Start: next, End: next + 100}}))
		next += 100
		c.sell(0, count)
		if leases[ended].rest.Len() == 0 {
			c.k.publish(c.a.table.Load().without(leases[ended].Lease))
			ended++
		}
	}
	c.end()
	t.Logf("%d wins, %d grants, %d leases ended", c.wins.Load(), fence, ended)
	if c.again.Load() > 0 {
		t.Errorf("%d wins, %d grants, and %d serials that could not be sold", c.wins.Load(), fence, c.again.Load())
	}
}

// Serials go free with a lapsed lease and come back under a newer one, while takers stall. No taker sells a serial under the
// newer fence that it took under the older one. Each serial is filled once under each fence, so it is claimed once or is still
// there when the lease lapses.
// It proves G17.
func TestStalledTakersNeverUseANewerFence(t *testing.T) {
	const serials = 2048
	c := newCrowd(t)
	var used [][serials]bool
	use := func(fence uint64, serial uint32, how string) {
		if used[fence][serial] {
			t.Errorf("serial %d twice under fence %d, now %s", serial, fence, how)
		}
		used[fence][serial] = true
	}
	var claims int
	check := func(r record) {
		if r.kind == claim {
			use(r.Fence, r.Serial, "claimed")
			claims++
		}
	}
	for end := time.Now().Add(time.Second); time.Now().Before(end) && !t.Failed(); {
		fence := uint64(len(used))
		used = append(used, [serials]bool{})
		h := c.grant(fence, ledger.Ranges{{Start: 1, End: serials}})
		c.sell(serials/2, check)
		c.k.now = c.clock()
		c.k.withdraw(h)
		c.k.release(h)
		for _, r := range h.parked {
			for s := r.Start; s < r.End; s++ {
				use(fence, s, "withdrawn")
			}
		}
		c.now.Add(int64(2 * time.Second)) // the ledger waits as long before it leases them again
	}
	c.end()
	c.read(check)
	t.Logf("%d leases, %d claims, %d serials that could not be sold", len(used), claims, c.again.Load())
	if claims < serials {
		t.Error("too little was sold to prove anything")
	}
}

// The simulation's Take with naps is Take, step for step.
func TestSlowTakeIsTake(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(*bench)
	}{
		{"nothing there", func(*bench) {}},
		{"units", func(b *bench) { b.fill() }},
		{"units, the lease is over", func(b *bench) { b.fill(); b.now += time.Minute }},
		{"no such lease", func(b *bench) { b.a.stock.Fill(shard.Range{Start: 900, End: 901}) }},
		{"the ring is full", func(b *bench) {
			b.fill()
			for ok := true; ok; _, ok = b.a.ring.reserve(1) {
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got, want *Allotment
			for _, a := range []**Allotment{&got, &want} {
				b := newBench(t, ledger.CreateRequest{Total: 64})
				b.a.ring = ringsOf(oneLane(64))
				c.before(b)
				*a = b.a
			}
			sold, outcome := want.Take(1, ledger.Buyer{})
			heard := false
			SlowTake(got, 1, func(next func()) { next() }, func(Sold, Outcome) {}, func(s Sold, o Outcome) {
				heard = true
				if s != sold || o != outcome {
					t.Errorf("in pieces %+v %v, whole %+v %v", s, o, sold, outcome)
				}
			})
			var left [2][]record
			for i, a := range []*Allotment{got, want} {
				a.ring.collect(100, func(r record) { left[i] = append(left[i], r) })
			}
			if !heard || len(left[0]) != len(left[1]) || len(left[0]) > 0 && left[0][0] != left[1][0] {
				t.Errorf("records: in pieces %+v, whole %+v", left[0], left[1])
			}
		})
	}
}

func TestTakeSettledHearsItsVerdict(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 64})
	b.fill()
	sold, told, o := b.a.TakeSettled(1, ledger.Buyer{1})
	if o != Won {
		t.Fatal(o)
	}
	b.tick() // at once, because a buyer waits
	settle := pick[ledger.SettleRequest](b)
	if len(settle.Claims) != 1 || settle.Claims[0] != sold.Claim || sold.Buyer != (ledger.Buyer{1}) {
		t.Fatalf("settles %+v, sold %+v", settle.Claims, sold)
	}
	b.fail(settle)
	if len(told) > 0 || b.a.Claims() != 1 {
		t.Fatal("a verdict, or a free slot, without an answer")
	}
	b.now += time.Second
	b.tick()
	again := pick[ledger.SettleRequest](b)
	if again.Batch != settle.Batch || len(again.Claims) != 1 || again.Claims[0] != sold.Claim {
		t.Fatalf("sent again as %+v", again)
	}
	b.pass(again)
	if v := <-told; v != ledger.Kept || b.a.Claims() != 0 || b.a.awaited() {
		t.Fatalf("verdict %v, %d slots, a waiter: %v", v, b.a.Claims(), b.a.awaited())
	}
}
