package allotment

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"spike/luascripts/ledger"
	"spike/shard"
)

const tableSerials = 40

// drawRanges draws disjoint ranges, in any order.
func drawRanges(t *rapid.T) (rs ledger.Ranges) {
	for range rapid.IntRange(1, 4).Draw(t, "ranges") {
		a := rapid.Uint32Range(1, tableSerials).Draw(t, "a")
		b := rapid.Uint32Range(a+1, min(a+12, tableSerials+1)).Draw(t, "b")
		if !slices.ContainsFunc(rs, func(r shard.Range) bool { return a < r.End && r.Start < b }) {
			rs = append(rs, shard.Range{Start: a, End: b})
		}
	}
	return rs
}

// TestTableIsAMap compares the Table with a map from serial to lease.
func TestTableIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table, want := &Table{}, map[uint32]*Lease{}
		var leases []*Lease
		t.Repeat(map[string]func(*rapid.T){
			"with": func(*rapid.T) {
				l := &Lease{fence: uint64(len(leases) + 1)}
				if len(leases) > 0 && rapid.IntRange(0, 3).Draw(t, "again") == 0 {
					l = rapid.SampledFrom(leases).Draw(t, "lease")
				} else {
					leases = append(leases, l)
				}
				old, oldSpans := table, len(table.spans)
				ranges := drawRanges(t)
				table = table.with(l, ranges)
				if len(old.spans) != oldSpans {
					t.Fatal("with changed the old table")
				}
				for _, r := range ranges {
					for s := r.Start; s < r.End; s++ {
						want[s] = l
					}
				}
			},
			"without": func(*rapid.T) {
				if len(leases) == 0 {
					return
				}
				l := rapid.SampledFrom(leases).Draw(t, "lease")
				table = table.without(l)
				for s := range want {
					if want[s] == l {
						delete(want, s)
					}
				}
			},
			"": func(*rapid.T) {
				for i, s := range table.spans {
					if s.Start >= s.End || i > 0 && table.spans[i-1].End > s.Start {
						t.Fatalf("spans %v", table.spans)
					}
				}
				for s := range uint32(tableSerials + 2) {
					if got := table.find(s); got != want[s] {
						t.Fatalf("find(%d) = %v, want %v", s, got, want[s])
					}
				}
			},
		})
	})
}

func TestTermNeedsBothClocks(t *testing.T) {
	term := &Term{sellMono: 100, sellWall: 1000}
	for _, c := range []struct {
		mono, wall int64
		open       bool
	}{{99, 999, true}, {100, 999, false}, {99, 1000, false}, {100, 1000, false}, {-5, 5, true}} {
		if got := term.open(Instant{c.mono, c.wall}); got != c.open {
			t.Errorf("open at %d, %d: %v", c.mono, c.wall, got)
		}
	}
}

func TestExpiryEndsWithTheLease(t *testing.T) {
	l := &Lease{hold: 300}
	term := &Term{deadline: 10_000, anchor: 5_000}
	for _, c := range []struct {
		mono, wall          int64 // microseconds
		wantLedger, wantEnd int64
	}{
		{1_000, 77_000, 6_300, 77_300},    // now + hold
		{5_000, 81_000, 10_300, 81_300},   // at the deadline
		{9_000, 85_000, 10_300, 81_300},   // after it: deadline + hold, whatever the clock says
		{-2_000, 74_000, 3_300, 74_300},   // a monotonic clock may be before its start
		{9_000, 500_000, 10_300, 496_300}, // an operator moved the wall clock
	} {
		ledger, left := l.expiry(term, Instant{c.mono * 1000, c.wall * 1000})
		if end := c.wall + left; ledger != c.wantLedger || end != c.wantEnd {
			t.Errorf("expiry at %+v: %d, in %d", c, ledger, left)
		}
	}
}

// A lease counts from the sending of its call, less the margin, by both clocks.
func TestTermCountsFromSending(t *testing.T) {
	k := &Keeper{cfg: Config{Term: 5 * time.Second, Bounds: ledger.DefaultBounds()}}
	sent := Instant{Mono: int64(time.Minute), Wall: int64(time.Hour)}
	k.now = sent.Add(3 * time.Second) // the answer took its time
	got := k.term(sent, ledger.Head{Now: 90_000_000}, 95_000_000)
	want := Term{sellMono: int64(time.Minute + 4*time.Second), sellWall: int64(time.Hour + 4*time.Second),
		deadline: 95_000_000, anchor: 30_000_000}
	if *got != want {
		t.Errorf("%+v, want %+v", *got, want)
	}
}

func TestSystemClockMovesBothClocks(t *testing.T) {
	clock := SystemClock()
	a := clock()
	time.Sleep(time.Millisecond)
	b := clock()
	if !a.Before(b) || b.Before(a) || b.Sub(a) < time.Millisecond || b.Wall <= a.Wall {
		t.Errorf("%+v, then %+v", a, b)
	}
	if c := a.Add(time.Second); c.Sub(a) != time.Second || c.Wall-a.Wall != int64(time.Second) {
		t.Errorf("%+v + 1s = %+v", a, c)
	}
}
