package demo

import "testing"

func TestCountersOf(t *testing.T) {
	c, err := countersOf(`# HELP spike_buys_total Buys answered, by what the buyer heard.
# TYPE spike_buys_total counter
spike_buys_total{outcome="won",sale="ticket"} 1234
spike_buys_total{sale="ticket",outcome="sold_out"} 1e+06
spike_buys_total{outcome="won",sale="other"} 5
spike_buys_totals{outcome="won",sale="ticket"} 7
spike_decision_log_dropped_total 3
go_goroutines 12
`)
	if err != nil || c.Buys["won"] != 1234 || c.Buys["sold_out"] != 1_000_000 || c.all() != 1_001_234 || c.Dropped != 3 {
		t.Fatalf("%+v, %v", c, err)
	}
	if _, err = countersOf(`spike_buys_total{outcome="won",sale="ticket"} many`); err == nil {
		t.Error("accepted a word for a number")
	}
}
