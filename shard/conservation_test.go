package shard

import (
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

// ledger knows at every instant which serials may come out. lease is written without any atomic before Fill, and read so after
// Take. Under -race this proves that Fill publishes what the caller wrote.
type ledger struct {
	t      *testing.T
	inside []atomic.Bool
	lease  []uint32
	leases atomic.Uint32
	sold   atomic.Uint64
}

func newLedger(t *testing.T, serials int) *ledger {
	return &ledger{t: t, inside: make([]atomic.Bool, serials), lease: make([]uint32, serials)}
}

// in is called before Fill(r): r is one lease from now on.
func (g *ledger) in(r Range) {
	id := g.leases.Add(1)
	for s := r.Start; s < r.End; s++ {
		g.lease[s] = id
		if !g.inside[s].CompareAndSwap(false, true) {
			g.t.Errorf("test bug: serial %d filled twice", s)
		}
	}
}

// out is called after r came out in one piece.
func (g *ledger) out(r Range) {
	id := g.lease[r.Start]
	for s := r.Start; s < r.End; s++ {
		if g.lease[s] != id {
			g.t.Errorf("%v spans leases %d and %d", r, id, g.lease[s])
		}
		if !g.inside[s].CompareAndSwap(true, false) {
			g.t.Errorf("serial %d handed out twice", s)
		}
	}
}

// TestEverySerialOnceInACrowd: buyers, cancellers, a feeder and a keeper run at once. At the end each serial ever fed was sold
// once, or is still there once.
func TestEverySerialOnceInACrowd(t *testing.T) {
	overAll(t, func(t *testing.T, make func() allotment) {
		for round := range short(16) {
			crowd(t, make(), uint64(round), 8000)
		}
	})
}

func crowd(t *testing.T, a allotment, seed uint64, serials uint32) {
	g := newLedger(t, int(serials)+1)
	var supply, demand sync.WaitGroup
	var closed atomic.Bool
	supply.Go(func() { feed(a, g, serials) })
	supply.Go(func() { keep(a, g, rand.New(rand.NewPCG(seed, 1)), serials) })
	for buyer := range uint64(4) {
		demand.Go(func() { buy(a, g, rand.New(rand.NewPCG(seed, 2+buyer)), &closed) })
	}
	supply.Wait()
	closed.Store(true)
	demand.Wait()
	var left uint64
	for _, r := range a.Drain(math.MaxUint64) {
		g.out(r)
		left += uint64(r.Len())
	}
	if sold := g.sold.Load(); sold+left != uint64(serials) {
		t.Errorf("sold %d + left %d, fed %d", sold, left, serials)
	}
}

func feed(a allotment, g *ledger, serials uint32) {
	for s := uint32(1); s <= serials; {
		r := Range{s, min(s+1+s%97, serials+1)}
		g.in(r)
		a.Fill(r)
		s = r.End
	}
}

func keep(a allotment, g *ledger, rnd *rand.Rand, serials uint32) {
	for range 300 {
		got := a.Drain(rnd.Uint64N(64))
		if rnd.IntN(2) == 0 {
			s := 1 + rnd.Uint32N(serials)
			got = append(got, a.Withdraw(Range{s, min(s+50, serials+1)})...)
		}
		for _, r := range got {
			g.out(r)
			g.in(r)
		}
		a.Fill(got...)
	}
}

// buy keeps the serials that it took, or cancels one buy in eight.
func buy(a allotment, g *ledger, rnd *rand.Rand, closed *atomic.Bool) {
	for {
		last := closed.Load()
		n := 1 + rnd.Uint32N(3)
		first, ok := a.TakeN(n)
		if !ok {
			if last {
				return
			}
			continue
		}
		r := Range{first, first + n}
		g.out(r)
		if rnd.IntN(8) == 0 && !last {
			g.in(r)
			a.Fill(r)
			continue
		}
		g.sold.Add(uint64(n))
	}
}

// TestNeverSoldOutWithStock: each round has more units than all takers together want. So no Take may lose, and Empty may never be
// true. The rounds are short, so most of the time is the end, where lanes rob each other.
func TestNeverSoldOutWithStock(t *testing.T) {
	overAll(t, func(t *testing.T, make func() allotment) {
		for round := range short(4000) {
			abundance(t, make(), 1<<(round%7), round)
		}
	})
}

func abundance(t *testing.T, a allotment, each uint32, round int) {
	const takers, thief = 4, 3
	total := takers*each + thief + 1
	if round%2 == 0 {
		a.Fill(Range{1, 1 + total})
	} else {
		pour(a, round, Range{1, 1 + total})
	}
	var all sync.WaitGroup
	for range takers {
		all.Go(func() {
			for i := range each {
				if _, ok := a.Take(); !ok || a.Empty() {
					t.Errorf("take %d of %d: won %v, Empty %v, with stock", i, each, ok, a.Empty())
				}
			}
		})
	}
	all.Go(func() {
		for range round % 4 { // holds at most thief units, and moves some between lanes and reserve
			a.Fill(a.Drain(thief)...)
			a.Fill(a.Withdraw(Range{total - thief, total})...)
		}
	})
	all.Wait()
	if n := a.Len(); n != thief+1 {
		t.Errorf("%d units left of %d", n, thief+1)
	}
}

// TestTugOfWar keeps one pair of lanes in a tug of war over few units. Takers put back what they took, so there is always one
// more unit than hands.
func TestTugOfWar(t *testing.T) {
	overAll(t, func(t *testing.T, make func() allotment) {
		const takers = 3
		a := make()
		a.Fill(Range{1, 1 + takers + 1})
		var all sync.WaitGroup
		for range takers {
			all.Go(func() {
				for range short(30_000) {
					s, ok := a.Take()
					if !ok || a.Empty() {
						t.Error("sold out with a unit on the table")
						return
					}
					a.Fill(Range{s, s + 1})
				}
			})
		}
		all.Wait()
	})
}

// TestFillIsSeenAtOnce: a caller that fills a unit gets it if no other caller wants it. Meanwhile a crowd that asks for two
// together keeps finding nothing and saying Empty.
func TestFillIsSeenAtOnce(t *testing.T) {
	overAll(t, func(t *testing.T, make func() allotment) {
		a := make()
		var done atomic.Bool
		var crowd sync.WaitGroup
		for range 3 {
			crowd.Go(func() {
				for !done.Load() {
					if _, ok := a.TakeN(2); ok {
						t.Error("two of one")
					}
				}
			})
		}
		for range short(20_000) {
			a.Fill(Range{9, 10})
			if a.Empty() {
				t.Error("Empty after Fill returned")
			}
			if s, ok := a.Take(); !ok || s != 9 {
				t.Error("Take after Fill =", s, ok)
				break
			}
		}
		done.Store(true)
		crowd.Wait()
	})
}
