package process

import (
	"maps"
	"testing"
)

func TestBuys(t *testing.T) {
	buys, err := Buys(`# TYPE spike_buys_total counter
spike_buys_total{outcome="won",sale="ticket"} 1234
spike_buys_total{sale="ticket",outcome="sold_out"} 1e+06
spike_buys_total{outcome="won",sale="other"} 5
spike_buys_totals{outcome="won",sale="ticket"} 7
`, "ticket")
	if want := (map[string]int64{"won": 1234, "sold_out": 1_000_000}); err != nil || !maps.Equal(buys, want) {
		t.Errorf("%v, %v", buys, err)
	}
	if _, err = Buys(`spike_buys_total{outcome="won",sale="ticket"} many`, "ticket"); err == nil {
		t.Error("many is a number")
	}
}

func TestCostsSince(t *testing.T) {
	before, after := Costs{1, 2, 3, 4}, Costs{11, 22, 33, 44}
	if got := after.Since(before); got != (Costs{10, 20, 30, 40}) {
		t.Errorf("%+v", got)
	}
}
