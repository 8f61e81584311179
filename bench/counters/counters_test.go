package counters

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"
)

func TestEveryCellIsMeasuredEveryRound(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	rounds := 0
	cells, err := Run(t.Context(), Options{Procs: []int{1, 2}, Rounds: 2, Time: time.Millisecond,
		OnRound: func(done, all int) { rounds = done }})
	if err != nil {
		t.Fatal(err)
	}
	if len(cells) != 2*len(Strategies()) || rounds != 2 {
		t.Fatalf("%d cells, %d rounds", len(cells), rounds)
	}
	for i, c := range cells {
		if len(c.RawNs) != 2 || c.Ns.N != 2 || c.Ns.Median <= 0 || c.Strategy != Strategies()[i%len(Strategies())].Name {
			t.Errorf("%+v", c)
		}
	}
	if runtime.GOMAXPROCS(0) != before {
		t.Errorf("GOMAXPROCS left at %d", runtime.GOMAXPROCS(0))
	}
}

func TestCancelledRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Options{Procs: []int{1}, Rounds: 1, Time: time.Millisecond}); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

// A counter that lost a unit, or gave one twice, would measure something else.
func TestStrategiesCountDown(t *testing.T) {
	for _, s := range Strategies() {
		take := s.fresh()
		for range 1000 {
			if !take() {
				t.Fatalf("%s ran out of %d units", s.Name, stockUnits)
			}
		}
	}
}

// The same numbers for benchstat: go test -bench Take -cpu 1,2,4,8 ./bench/counters
func BenchmarkTake(b *testing.B) {
	for _, s := range Strategies() {
		b.Run(s.Name, s.bench)
	}
}
