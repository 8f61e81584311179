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

// countersOf reads them from metrics.
func countersOf(text string) (counters, error) {
	buys, err := process.Buys(text, sale)
	c := counters{Buys: buys}
	if err != nil {
		return c, err
	}
	for line := range strings.Lines(text) {
		dropped, is := strings.CutPrefix(strings.TrimSpace(line), "spike_decision_log_dropped_total ")
		if !is {
			continue
		}
		n, err := strconv.ParseFloat(dropped, 64)
		if err != nil {
			return c, fmt.Errorf("metrics %q: %w", line, err)
		}
		c.Dropped = int64(n)
	}
	return c, nil
}
