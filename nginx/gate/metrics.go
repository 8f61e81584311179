package gate

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"spike/luascripts/ledger"
	"spike/nginx"
)

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

	frontRequestsDesc = prometheus.NewDesc("spike_nginx_requests_total", "Requests that the nginx beside the gate has read.",
		nil, nil)
	frontAcceptedDesc = prometheus.NewDesc("spike_nginx_connections_accepted_total", "Connections that nginx has accepted.",
		nil, nil)
	frontOpenDesc = prometheus.NewDesc("spike_nginx_connections",
		"Connections to nginx that are open: those that wait for their next request, and the busy ones.", []string{"state"}, nil)
	frontAgeDesc = prometheus.NewDesc("spike_nginx_reading_age_seconds",
		"Age of the reading of nginx' counts. They are absent while they cannot be read.", nil, nil)
)

var gateDescs = []*prometheus.Desc{salesDesc, hearsDesc, flagsDesc, looksDesc, ageDesc, faultsDesc, frontRequestsDesc,
	frontAcceptedDesc, frontOpenDesc, frontAgeDesc}

// Describe implements prometheus.Collector.
func (g *Gate) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range gateDescs {
		ch <- d
	}
}

// scrape takes the metrics of one scrape.
type scrape chan<- prometheus.Metric

func (to scrape) counter(d *prometheus.Desc, n uint64) {
	to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n))
}

func (to scrape) gauge(d *prometheus.Desc, n float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n, labels...)
}

// Collect implements prometheus.Collector.
func (g *Gate) Collect(ch chan<- prometheus.Metric) {
	g.mu.Lock()
	defer g.mu.Unlock()
	to := scrape(ch)
	to.gauge(salesDesc, float64(len(g.sales)))
	hears := 0.0
	if g.listening {
		hears = 1
	}
	to.gauge(hearsDesc, hears)
	to.gauge(flagsDesc, float64(g.noneNow), string(nginx.NoneNow))
	to.gauge(flagsDesc, float64(g.flags-g.noneNow), string(nginx.SoldOut))
	to.counter(looksDesc, g.counts.looks)
	to.counter(faultsDesc, g.counts.faults)
	if !g.counts.last.IsZero() {
		to.gauge(ageDesc, time.Since(g.counts.last).Seconds())
	}
	if g.front != nil {
		to.front(*g.front)
	}
}

// reading is what nginx counted, and when the gate read it.
type reading struct {
	ledger.FrontBeat
	at time.Time
}

func (to scrape) front(is reading) {
	to.counter(frontRequestsDesc, is.Requests)
	to.counter(frontAcceptedDesc, is.Accepted)
	waiting := min(is.Waiting, is.Active)
	to.gauge(frontOpenDesc, float64(waiting), "waiting")
	to.gauge(frontOpenDesc, float64(is.Active-waiting), "busy")
	to.gauge(frontAgeDesc, time.Since(is.at).Seconds())
}
