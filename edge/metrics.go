package edge

import (
	"cmp"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"spike/edge/sales"
	"spike/order/operators"
	"spike/shard/latency"
)

// collector reads counters that the edge keeps anyway, so buys do not touch Prometheus, and a scrape asks no store. What is of
// one sale is in salemetrics.go.
type collector struct{ s *Server }

var (
	lostDesc    = prometheus.NewDesc("spike_claims_lost_total", "Claims the store refused: dead tokens.", nil, nil)
	unknownDesc = prometheus.NewDesc("spike_buys_unknown_undecided_total",
		"Buys of sales that could not be looked up: undecided.", nil, nil)
	dropsDesc = prometheus.NewDesc("spike_decision_log_dropped_total", "Lines the decision log could not keep.", nil, nil)
	jwtDesc   = prometheus.NewDesc("spike_jwt_refused_total", "Requests whose JWT was refused.", []string{"reason"}, nil)
	timesDesc = prometheus.NewDesc("spike_buy_seconds",
		"From reading a buy to its decision, by whether it has won. All winners, all who waited, and one of 32 of the others.",
		[]string{"outcome"}, nil)
	openDesc   = prometheus.NewDesc("spike_connections", "Connections of buyers that are open.", nil, nil)
	turnedDesc = prometheus.NewDesc("spike_connections_refused_total", "Connections beyond a limit that were turned away.",
		nil, nil)
	errorsDesc = prometheus.NewDesc("spike_store_errors_total", "Calls of the store that failed, by cause.",
		[]string{"cause"}, nil)
	callTimeDesc = prometheus.NewDesc("spike_store_call_seconds", "How long calls of the store took, by script.",
		[]string{"call"}, nil)
	replicasDesc = prometheus.NewDesc("spike_store_replicas",
		"Replicas that follow the store (seen), and that must have what is acted on (wanted).", []string{"which"}, nil)
	erasDesc  = prometheus.NewDesc("spike_store_eras_total", "Cuts of the store's history that this edge has seen.", nil, nil)
	eventDesc = prometheus.NewDesc("spike_reservations_total",
		"Reservations that this edge has changed, repeats among them, by what became of them.", []string{"event"}, nil)
)

// ownDescs are the metrics that are of no sale.
var ownDescs = []*prometheus.Desc{lostDesc, unknownDesc, dropsDesc, jwtDesc, timesDesc, openDesc, turnedDesc, errorsDesc,
	callTimeDesc, replicasDesc, erasDesc, eventDesc}

func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range append(slices.Clone(ownDescs), saleDescs...) {
		ch <- d
	}
}

// scrape takes the metrics of one scrape.
type scrape chan<- prometheus.Metric

func (to scrape) counter(d *prometheus.Desc, n uint64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}

func (to scrape) gauge(d *prometheus.Desc, n uint64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), labels...)
}

func (to scrape) seconds(d *prometheus.Desc, t time.Duration, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, t.Seconds(), labels...)
}

// histogram is what lanes have counted, in octaves: every second bucket would cost a scrape more than it tells.
func (to scrape) histogram(d *prometheus.Desc, c latency.Counts, labels ...string) {
	under, below := make(map[float64]uint64, latency.Buckets/2), uint64(0)
	for b := range latency.Buckets - 1 {
		if below += c.N[b]; b%2 == 0 {
			under[latency.Bound(b).Seconds()] = below
		}
	}
	to <- prometheus.MustNewConstHistogram(d, below+c.N[latency.Buckets-1], c.Sum.Seconds(), under, labels...)
}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	to, all := scrape(ch), c.s.sales.All()
	lost := c.s.sales.Lost()
	won, rest := c.s.sales.Times()
	for _, sale := range all {
		to.sale(sale)
		lost += sale.Lost()
		won.Add(sale.Times.Won())
		rest.Add(sale.Times.Rest())
	}
	for _, name := range c.s.sales.Unasked() {
		to.unasked(name)
	}
	to.counter(lostDesc, lost)
	to.histogram(timesDesc, won, "won")
	to.histogram(timesDesc, rest, "rest")
	to.counter(unknownDesc, c.s.unknownUndecided.Load())
	to.counter(dropsDesc, c.s.decisions.dropped.Load())
	to.counter(erasDesc, c.s.eras.Load())
	open, turned := c.s.limits.Count()
	to.gauge(openDesc, open)
	to.counter(turnedDesc, turned)
	for event, n := range c.s.ended.all() {
		to.counter(eventDesc, n, event)
	}
	if c.s.cfg.JWT != nil {
		for reason, n := range c.s.refusals.All() {
			to.counter(jwtDesc, n, reason)
		}
	}
	if store, is := c.s.store.(metered); is {
		to.store(store, all)
	}
}

// metered is a store whose calls can fail.
type metered interface {
	CallTimes() map[string]latency.Counts
	CallErrors() map[string]uint64
	Followers() uint64 // replicas, as of some seconds ago
}

func (to scrape) store(store metered, all map[string]*sales.Sale) {
	for call, c := range store.CallTimes() {
		to.histogram(callTimeDesc, c, call)
	}
	for cause, n := range store.CallErrors() {
		to.counter(errorsDesc, n, cause)
	}
	wanted := uint64(0)
	for _, sale := range all {
		wanted = max(wanted, sale.View().Replicas)
	}
	to.gauge(replicasDesc, store.Followers(), "seen")
	to.gauge(replicasDesc, wanted, "wanted")
}

func (s *Server) registry() *prometheus.Registry {
	r := cmp.Or(s.cfg.Registry, prometheus.NewRegistry())
	r.MustRegister(append(operators.Common(s.cfg.Version, s.unready), collector{s})...)
	return r
}
