package front

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// answered asks an operators' listener how many buys of the sale it has answered.
func answered(ctx context.Context, admin string) (int64, error) {
	const maxBytes = 4 << 20
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("metrics: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBytes))
	if err != nil || resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("metrics of %s: %s: %w", admin, resp.Status, err)
	}
	return buysIn(string(text))
}

// buysIn adds up spike_buys_total of the sale, whatever the buyers heard, in the Prometheus text format.
func buysIn(text string) (sum int64, err error) {
	for line := range strings.Lines(text) {
		labels, isBuys := strings.CutPrefix(line, "spike_buys_total{")
		labels, value, whole := strings.Cut(strings.TrimSpace(labels), "} ")
		if !isBuys || !whole || label(labels, "sale") != Sale {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("metrics %q: %w", line, err)
		}
		sum += int64(n)
	}
	return sum, nil
}

// label finds name="value". No value here holds a quote.
func label(labels, name string) string {
	_, rest, _ := strings.Cut(","+labels, ","+name+`="`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}
