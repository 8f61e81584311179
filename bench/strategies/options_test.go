package strategies

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func example() Options {
	return Options{Rounds: 2, Units: 50, Buyers: 300, Late: 40, Connections: 16, Pool: 8, NeverPay: 30, Hold: time.Second, Seed: 1}
}

func TestTurnsAreInterleaved(t *testing.T) {
	got := fmt.Sprint(example().turns())
	want := "[{order-then-deduct 1} {pay-then-deduct 1} {pre-deduct 1} {pre-deduct 2} {pay-then-deduct 2} {order-then-deduct 2}]"
	if got != want {
		t.Fatal(got)
	}
	o := example()
	o.Only = []string{PreDeduct, OrderFirst}
	if got = fmt.Sprint(o.turns()); got != "[{order-then-deduct 1} {pre-deduct 1} {pre-deduct 2} {order-then-deduct 2}]" {
		t.Fatal(got)
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	if err := example().check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Options){
		"rounds":      func(o *Options) { o.Rounds = 0 },
		"units":       func(o *Options) { o.Units = 0 },
		"buyers":      func(o *Options) { o.Buyers = maxBuyers + 1 },
		"late":        func(o *Options) { o.Late = -1 },
		"connections": func(o *Options) { o.Connections = 0 },
		"pool":        func(o *Options) { o.Pool = maxPool + 1 },
		"never pay":   func(o *Options) { o.NeverPay = 101 },
		"hold":        func(o *Options) { o.Hold = time.Millisecond },
		"settle":      func(o *Options) { o.Settle = -time.Second },
		"only":        func(o *Options) { o.Only = []string{"pray"} },
	} {
		o := example()
		spoil(&o)
		if _, err := Run(t.Context(), o); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestServeWithoutWhatItNeeds(t *testing.T) {
	if err := Serve(t.Context(), PreDeduct, ServerOptions{Pool: 1}); !errors.Is(err, ErrUnknown) {
		t.Errorf("an unknown server: %v", err)
	}
	if err := Serve(t.Context(), OrderFirst, ServerOptions{}); !errors.Is(err, ErrOptions) {
		t.Errorf("no pool: %v", err)
	}
}
