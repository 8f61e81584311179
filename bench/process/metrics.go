package process

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Metrics returns /metrics of a server's operators' listener, in the Prometheus text format.
func Metrics(ctx context.Context, admin string) (string, error) {
	const maxBytes = 4 << 20
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/metrics", nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("metrics: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBytes))
	if err != nil {
		return "", fmt.Errorf("metrics of %s: %w", admin, err)
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("metrics of %s: %s", admin, resp.Status)
	}
	return string(text), nil
}

// Buys reads spike_buys_total of the sale from metrics, by outcome.
func Buys(text, sale string) (map[string]int64, error) {
	buys := map[string]int64{}
	for line := range strings.Lines(text) {
		labels, is := strings.CutPrefix(line, "spike_buys_total{")
		labels, value, whole := strings.Cut(strings.TrimSpace(labels), "} ")
		if !is || !whole || Label(labels, "sale") != sale {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return nil, fmt.Errorf("metrics %q: %w", line, err)
		}
		buys[Label(labels, "outcome")] = int64(n)
	}
	return buys, nil
}

// Label finds name="value" among a series' labels. No value of ours has a quote in it.
func Label(labels, name string) string {
	_, rest, _ := strings.Cut(","+labels, ","+name+`="`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}
