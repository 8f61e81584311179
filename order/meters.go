package order

import (
	"context"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// meters are the worker's own counters, and at a scrape also its newest figures of the sales.
type meters struct {
	w *Worker

	rows, batches, retries, takeovers, parked, refused, lost, expired *count
	delivered, failed, given                                          *count
	saved, posted                                                     prometheus.Histogram // seconds
	stored                                                            *prometheus.CounterVec
	list                                                              []prometheus.Collector
}

// count is a counter that the metrics and the beats read.
type count struct{ atomic.Uint64 }

func (c *count) inc() { c.Add(1) }

var (
	saleLabel   = []string{"sale"}
	unreadDesc  = prometheus.NewDesc("spike_orders_unread", "Events of the stream that no worker has had.", saleLabel, nil)
	unackedDesc = prometheus.NewDesc("spike_orders_unacked", "Events that a worker has in hand.", saleLabel, nil)
	lagDesc     = prometheus.NewDesc("spike_orders_lag_seconds", "Age of the oldest event that is not stored.", saleLabel, nil)
	backlogDesc = prometheus.NewDesc("spike_orders_deliveries", "Webhook messages in the database, by state.",
		[]string{"state"}, nil)
	pausedDesc = prometheus.NewDesc("spike_orders_webhook_paused", "1 while the endpoint is only probed, or is gone.", nil, nil)
	parkedDesc = prometheus.NewDesc("spike_orders_parked", "Orders in parked_orders: the database refused them.", nil, nil)
	readyDesc  = prometheus.NewDesc("spike_orders_ready", "1 while orders are stored, as /readyz says.", nil, nil)
	partDesc   = prometheus.NewDesc("spike_orders_part_ok", "1 while the last call of a part went well for all who use it.",
		[]string{"part"}, nil)
)

// durations are the bounds of histograms, in seconds: 0.5 ms to 16 s.
var durations = prometheus.ExponentialBuckets(0.0005, 2, 16)

func newMeters(w *Worker) *meters {
	m := &meters{w: w}
	counter := func(name, help string, labels prometheus.Labels) *count {
		c := &count{}
		m.list = append(m.list, prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels},
			func() float64 { return float64(c.Load()) }))
		return c
	}
	m.rows = counter("spike_orders_rows_total", "Rows written, those written again among them.", nil)
	m.batches = counter("spike_orders_batches_total", "Transactions of rows.", nil)
	m.retries = counter("spike_orders_retries_total", "Transactions that failed and were tried again.", nil)
	m.takeovers = counter("spike_orders_takeovers_total", "Events taken over from workers that were silent.", nil)
	m.parked = counter("spike_orders_parked_events_total", "Events that made no sense.", nil)
	m.refused = counter("spike_orders_refused_total", "Orders that the database refused, and that were parked.", nil)
	m.lost = counter("spike_orders_lost_events_total", "Events that the database had stored and has no more, at the most.", nil)
	m.expired = counter("spike_orders_expired_units_total", "Units this worker put back on sale when their hold was over.", nil)
	const attempts, help = "spike_orders_webhook_attempts_total", "Attempts to deliver a webhook message, by what came of it."
	m.delivered = counter(attempts, help, prometheus.Labels{"outcome": "delivered"})
	m.failed = counter(attempts, help, prometheus.Labels{"outcome": "failed"})
	m.given = counter(attempts, help, prometheus.Labels{"outcome": "parked"})
	m.saved = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "spike_orders_transaction_seconds",
		Help: "How long transactions of rows took, those that failed among them.", Buckets: durations})
	m.posted = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "spike_orders_webhook_seconds",
		Help: "How long attempts to deliver a webhook message took.", Buckets: durations})
	m.stored = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "spike_orders_claims_total",
		Help: "Claims of events that were stored, those stored again among them, by what happened to them."}, []string{"event"})
	m.list = append(m.list, m.saved, m.posted, m.stored)
	return m
}

// Describe implements prometheus.Collector.
func (m *meters) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.list {
		c.Describe(ch)
	}
	for _, d := range []*prometheus.Desc{unreadDesc, unackedDesc, lagDesc, backlogDesc, pausedDesc, parkedDesc,
		partDesc, readyDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *meters) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, c := range m.list {
		c.Collect(ch)
	}
	gauge(readyDesc, ok(m.w.unready(context.Background()) == ""))
	gauge(partDesc, ok(m.w.storeHealth.well()), "store")
	if m.w.repo == nil {
		return
	}
	gauge(partDesc, ok(m.w.databaseHealth.well()), "database")
	gauge(parkedDesc, float64(m.w.parked.Load()))
	for _, s := range m.w.supervisor.listed() {
		f := s.getFigures()
		gauge(unreadDesc, float64(f.unread), s.name)
		gauge(unackedDesc, float64(f.unacked), s.name)
		gauge(lagDesc, f.oldest.Seconds(), s.name)
	}
	if m.w.sender != nil {
		due, parked := m.w.sender.backlog()
		gauge(backlogDesc, float64(due), Due)
		gauge(backlogDesc, float64(parked), Parked)
		gauge(pausedDesc, ok(m.w.sender.endpoint.pausedNow()))
	}
}

func ok(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
