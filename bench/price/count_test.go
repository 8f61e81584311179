package price

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"spike/bench/measure"
)

func TestEveryCounterIsMeasuredEveryRound(t *testing.T) {
	before, steps := runtime.GOMAXPROCS(0), 0
	d, err := Count{Rounds: 2, Time: time.Millisecond}.Run(t.Context(), measure.Host{OnStep: func(int, int, string) { steps++ }})
	if err != nil || len(d.Samples) != 2*len(counters) || steps != len(d.Samples) {
		t.Fatalf("%v, %d samples, %d steps", err, len(d.Samples), steps)
	}
	for _, s := range d.Samples {
		for _, procs := range []string{"1", "2", "4", "8"} {
			if s.Figures[procs] <= 0 {
				t.Errorf("%+v", s)
			}
		}
	}
	if runtime.GOMAXPROCS(0) != before {
		t.Errorf("GOMAXPROCS left at %d", runtime.GOMAXPROCS(0))
	}
	has(t, text(t, d), "counter 1 min..max 2 min..max 4 min..max 8 min..max", "shard.Stock", "medians of 2 rounds")
}

func TestCancelledCount(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Count{Rounds: 1, Time: time.Millisecond}).Run(ctx, measure.Host{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

// A counter that lost a unit, or gave one twice, would measure something else.
func TestCountersCountDown(t *testing.T) {
	const units = 1000
	for _, c := range counters {
		take := c.stock(units)
		for n := range units {
			if !take() {
				t.Fatalf("%s: %d of %d units", c, n, units)
			}
		}
		if take() {
			t.Errorf("%s: a unit more than there are", c)
		}
	}
}

// How one CPU gets one unit, five ways: go test -run '^$' -bench . -cpu 1,2,4,8 ./bench/price
func BenchmarkTake(b *testing.B) {
	for _, c := range counters {
		b.Run(c.String(), c.take)
	}
}

// BenchmarkLose is the other 99 of 100 calls: nothing is left.
func BenchmarkLose(b *testing.B) {
	for _, c := range counters {
		b.Run(c.String(), func(b *testing.B) {
			take := c.stock(0)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if take() {
						b.Error("sold a unit of nothing")
						return
					}
				}
			})
		})
	}
}
