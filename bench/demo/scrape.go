package demo

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"spike/bench/process"
)

// counters are an edge's counters.
type counters struct {
	Buys    map[string]int64 // spike_buys_total of the sale, by outcome
	Dropped int64            // lines its decision log could not keep
}

// all is how many buys were answered.
func (c counters) all() (n int64) {
	for _, outcome := range c.Buys {
		n += outcome
	}
	return n
}

// scrape reads the counters from an edge's admin listener.
func scrape(ctx context.Context, admin string) (counters, error) {
	text, err := process.Metrics(ctx, admin)
	if err != nil {
		return counters{}, err
	}
	return countersOf(text)
}

// countersOf reads the parts of the Prometheus text format that are needed here.
func countersOf(text string) (counters, error) {
	c := counters{Buys: map[string]int64{}}
	for line := range strings.Lines(text) {
		series, value, found := strings.Cut(strings.TrimSpace(line), " ")
		if !found || strings.HasPrefix(series, "#") {
			continue
		}
		name, labels, _ := strings.Cut(series, "{")
		outcome := process.Label(labels, "outcome")
		buys := name == "spike_buys_total" && process.Label(labels, "sale") == sale
		if !buys && name != "spike_decision_log_dropped_total" {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return c, fmt.Errorf("metrics %q: %w", line, err)
		}
		if buys {
			c.Buys[outcome] = int64(n)
		} else {
			c.Dropped = int64(n)
		}
	}
	return c, nil
}
