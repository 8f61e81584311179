package gate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"spike/luascripts/ledger"
	"spike/nginx"
)

// Whether the flags agree with the ledger is one truth, which /readyz, spike_ready and the log tell. They agree while the store
// answers, the gate hears news and has asked about every sale since then, and the directory takes flags. A gate that is not ready
// opens sooner or later, so edges answer.

// unansweredFor is how long the store must fail to answer for a sale until that counts.
const unansweredFor = time.Second

// probe asks the store and tries the directory, because the next flag may be days away.
func (g *Gate) probe(ctx context.Context) error {
	if err := g.store.Willing(ctx); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.dir.willing()
}

// Unready names the part that is not ready; "": the flags agree with the ledger.
func (g *Gate) Unready(ctx context.Context) string {
	if err := g.pulse.Err(ctx); err != nil {
		return err.Error()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case !g.listening && g.why != "":
		return "news: they cannot be listened to: " + g.why
	case !g.listening:
		return "news: they are not listened to"
	case !g.listed:
		return "sales: they are not listed yet"
	case !g.censusLogged:
		return fmt.Sprintf("sales: %d of %d are not asked about yet", g.stale, len(g.sales))
	}
	for s, since := range g.unanswered {
		if time.Since(since) >= unansweredFor {
			return "store: it does not answer for sale " + s.name
		}
	}
	return ""
}

// heard takes the outcome of a call.
func (g *Gate) heard(s *sale, err error) {
	now := time.Now()
	g.counts.looks++
	if !errors.Is(err, ledger.ErrDown) {
		g.counts.last = now
		delete(g.unanswered, s)
	} else if _, known := g.unanswered[s]; !known {
		g.unanswered[s] = now
	}
}

// counts are the figures of the gate's own metrics.
type counts struct {
	looks, faults uint64
	last          time.Time // when a look was answered
}

var (
	salesDesc = prometheus.NewDesc("spike_gate_sales", "Sales the gate knows.", nil, nil)
	hearsDesc = prometheus.NewDesc("spike_gate_listening", "1 while the gate hears the store's news; else there are no flags.",
		nil, nil)
	flagsDesc  = prometheus.NewDesc("spike_gate_flags", "Flags that stand, by what they say.", []string{"flag"}, nil)
	looksDesc  = prometheus.NewDesc("spike_gate_looks_total", "Questions and sweeps, answered or not.", nil, nil)
	ageDesc    = prometheus.NewDesc("spike_gate_last_look_seconds", "Age of the newest look that was answered.", nil, nil)
	faultsDesc = prometheus.NewDesc("spike_gate_flag_faults_total", "Flags that could not be made or removed.", nil, nil)
)

// Describe implements prometheus.Collector.
func (g *Gate) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{salesDesc, hearsDesc, flagsDesc, looksDesc, ageDesc, faultsDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (g *Gate) Collect(ch chan<- prometheus.Metric) {
	g.mu.Lock()
	defer g.mu.Unlock()
	emit := func(d *prometheus.Desc, kind prometheus.ValueType, n float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, n, labels...)
	}
	emit(salesDesc, prometheus.GaugeValue, float64(len(g.sales)))
	hears := 0.0
	if g.listening {
		hears = 1
	}
	emit(hearsDesc, prometheus.GaugeValue, hears)
	emit(flagsDesc, prometheus.GaugeValue, float64(g.noneNow), string(nginx.NoneNow))
	emit(flagsDesc, prometheus.GaugeValue, float64(g.flags-g.noneNow), string(nginx.SoldOut))
	emit(looksDesc, prometheus.CounterValue, float64(g.counts.looks))
	emit(faultsDesc, prometheus.CounterValue, float64(g.counts.faults))
	if !g.counts.last.IsZero() {
		emit(ageDesc, prometheus.GaugeValue, time.Since(g.counts.last).Seconds())
	}
}
