package latency

import (
	"slices"
	"sort"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A duration is in the first bucket whose bound is not below it.
func TestBuckets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		took := time.Duration(rapid.Int64Range(-5, int64(30*time.Second)).Draw(t, "took"))
		if near := rapid.IntRange(0, 2*Buckets).Draw(t, "near"); near < Buckets-1 {
			took = Bound(near) + time.Duration(rapid.IntRange(-1, 1).Draw(t, "off"))
		}
		want := sort.Search(Buckets-1, func(b int) bool { return Bound(b) >= took })
		if got := bucket(took); got != want {
			t.Fatalf("%v is in bucket %d, not %d", took, got, want)
		}
	})
}

func TestBoundsGrow(t *testing.T) {
	for b := 1; b < Buckets-1; b++ {
		if Bound(b) <= Bound(b-1) || Bound(b)*2 > Bound(b-1)*3 {
			t.Errorf("bucket %d: %v after %v", b, Bound(b), Bound(b-1))
		}
	}
}

func TestQuantileIsAtMostAHalfTooHigh(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rapid.Int64Range(1000, int64(8*time.Second)), 1, 300).Draw(t, "all")
		q := rapid.Float64Range(0.01, 1).Draw(t, "q")
		l := New()
		for _, d := range all {
			l.Add(time.Duration(d))
		}
		slices.Sort(all)
		true := time.Duration(all[max(0, int(float64(len(all))*q+0.999999)-1)])
		c := l.Read()
		got, ok := Quantile(Trim(c.N[:]), q)
		if !ok || got < true || got > true*3/2 {
			t.Fatalf("%v of %d is %v, not about %v", q, len(all), got, true)
		}
	})
	if _, ok := Quantile(nil, 0.5); ok {
		t.Error("nothing has a quantile")
	}
}

// All lanes together have every duration, and the sum.
func TestLanesCountAll(t *testing.T) {
	l := New()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				l.Add(3 * time.Microsecond)
			}
		})
	}
	all.Wait()
	if c := l.Read(); c.N[3] != 8000 || c.Sum != 24*time.Millisecond {
		t.Errorf("%+v", c)
	}
}

func TestAddAllocatesNothing(t *testing.T) {
	l := New()
	if n := testing.AllocsPerRun(1000, func() { l.Add(Start().Took()); _ = Sample() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// About one of 32 is sampled.
func TestSample(t *testing.T) {
	n := 0
	for range 32_000 {
		if Sample().Runs() {
			n++
		}
	}
	if n < 500 || n > 2000 {
		t.Errorf("%d of 32,000", n)
	}
}

func BenchmarkAdd(b *testing.B) {
	l := New()
	for b.Loop() {
		l.Add(7 * time.Microsecond)
	}
}

func BenchmarkSample(b *testing.B) {
	for b.Loop() {
		if Sample().Runs() {
			continue
		}
	}
}

func BenchmarkWinner(b *testing.B) {
	l := New()
	for b.Loop() {
		l.Add(Start().Took())
	}
}
