package front

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"spike/bench/process"
)

// answered asks an operators' listener how many buys of the sale it has answered.
func answered(ctx context.Context, admin string) (int64, error) {
	text, err := process.Metrics(ctx, admin)
	if err != nil {
		return 0, err
	}
	return buysIn(text)
}

// buysIn adds up spike_buys_total of the sale over all outcomes, in the Prometheus text format.
func buysIn(text string) (sum int64, err error) {
	for line := range strings.Lines(text) {
		labels, isBuys := strings.CutPrefix(line, "spike_buys_total{")
		labels, value, whole := strings.Cut(strings.TrimSpace(labels), "} ")
		if !isBuys || !whole || process.Label(labels, "sale") != Sale {
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
