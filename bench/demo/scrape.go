package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// counters is what an edge counted.
type counters struct {
	Buys    map[string]int64 // spike_buys_total of the sale, by outcome
	Dropped int64            // lines its decision log could not keep
}

// all is the buys answered.
func (c counters) all() (n int64) {
	for _, outcome := range c.Buys {
		n += outcome
	}
	return n
}

// scrape asks an edge's admin listener.
func scrape(ctx context.Context, admin string) (counters, error) {
	const maxBytes = 4 << 20
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/metrics", nil)
	if err != nil {
		return counters{}, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return counters{}, fmt.Errorf("metrics: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBytes))
	if err != nil || resp.StatusCode != http.StatusOK {
		return counters{}, fmt.Errorf("metrics of %s: %s: %w", admin, resp.Status, err)
	}
	return countersOf(string(text))
}

// countersOf reads the Prometheus text format, as far as it is needed here.
func countersOf(text string) (counters, error) {
	c := counters{Buys: map[string]int64{}}
	for line := range strings.Lines(text) {
		series, value, found := strings.Cut(strings.TrimSpace(line), " ")
		if !found || strings.HasPrefix(series, "#") {
			continue
		}
		name, labels, _ := strings.Cut(series, "{")
		outcome := label(labels, "outcome")
		buys := name == "spike_buys_total" && label(labels, "sale") == sale
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

// label finds name="value" among labels. No value here holds a quote.
func label(labels, name string) string {
	_, rest, found := strings.Cut(","+strings.TrimSuffix(labels, "}"), ","+name+`="`)
	if !found {
		return ""
	}
	value, _, _ := strings.Cut(rest, `"`)
	return value
}
