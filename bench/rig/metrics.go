package rig

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Metrics are one reading of a server's metrics, by name.
type Metrics map[string]*dto.MetricFamily

// BuysTotal counts every buy that an edge has answered, by sale and outcome.
const BuysTotal = "spike_buys_total"

// Scrape reads /metrics of an operators' address from a place.
func Scrape(ctx context.Context, from Place, admin string) (Metrics, error) {
	const limit = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := from.Client(false, limit).Do(req)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("metrics of %s: %s", admin, resp.Status)
	}
	m, err := readMetrics(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("metrics of %s: %w", admin, err)
	}
	return m, nil
}

// readMetrics reads metrics in the Prometheus text format.
func readMetrics(r io.Reader) (Metrics, error) {
	const most = 16 << 20 // bytes
	parser := expfmt.NewTextParser(model.LegacyValidation)
	return parser.TextToMetricFamilies(io.LimitReader(r, most))
}

// Sum adds up the series of a counter or gauge that have these labels: a name, its value, a name, …
func (m Metrics) Sum(name string, labels ...string) (sum float64) {
	for _, n := range m.series(name, labels) {
		sum += value(n)
	}
	return sum
}

// Has says whether there is a series with these labels.
func (m Metrics) Has(name string, labels ...string) bool { return len(m.series(name, labels)) > 0 }

// By adds up the series that have these labels, by the value of one more label.
func (m Metrics) By(label, name string, labels ...string) map[string]int64 {
	sums := map[string]int64{}
	for _, n := range m.series(name, labels) {
		sums[labelOf(n, label)] += int64(value(n))
	}
	return sums
}

func (m Metrics) series(name string, labels []string) (all []*dto.Metric) {
	for _, n := range m[name].GetMetric() {
		if !slices.ContainsFunc(slices.Collect(slices.Chunk(labels, 2)), func(l []string) bool { return labelOf(n, l[0]) != l[1] }) {
			all = append(all, n)
		}
	}
	return all
}

func labelOf(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// value is the value of a counter, a gauge or a series without a type.
func value(m *dto.Metric) float64 {
	return m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue()
}
