package edge

import (
	"cmp"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"spike/edge/buy"
	"spike/edge/sales"
	"spike/order/operators"
)

// collector reads the sales' own counters at a scrape, so buys do not touch Prometheus.
type collector struct{ s *Server }

var (
	saleLabel = []string{"sale"}
	buysDesc  = prometheus.NewDesc("spike_buys_total", "Buys answered, by what the buyer heard.",
		[]string{"sale", "outcome"}, nil)
	unitsDesc = prometheus.NewDesc("spike_units", "Units of the sale by where they lie, as of the newest look at the store.",
		[]string{"sale", "place"}, nil)
	stockDesc   = prometheus.NewDesc("spike_edge_stock", "Units on this edge that a buyer could have now.", saleLabel, nil)
	claimsDesc  = prometheus.NewDesc("spike_edge_claims", "Claims this edge has made and not yet settled.", saleLabel, nil)
	callsDesc   = prometheus.NewDesc("spike_store_calls_total", "Calls this edge made to the store.", []string{"sale", "call"}, nil)
	waitingDesc = prometheus.NewDesc("spike_edge_waiting", "Buys that wait for a lease or for the store.", saleLabel, nil)
	lostDesc    = prometheus.NewDesc("spike_claims_lost_total", "Claims the store refused: dead tokens.", nil, nil)
	dropsDesc   = prometheus.NewDesc("spike_decision_log_dropped_total", "Lines the decision log could not keep.", nil, nil)
	jwtDesc     = prometheus.NewDesc("spike_jwt_refused_total", "Requests whose JWT was refused.", []string{"reason"}, nil)
	troubleDesc = prometheus.NewDesc("spike_trouble", "1 while the sale gets no new units here, by the kind of its trouble.",
		[]string{"sale", "ailment"}, nil)
)

func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{buysDesc, unitsDesc, stockDesc, claimsDesc, callsDesc, waitingDesc, lostDesc, dropsDesc,
		jwtDesc, troubleDesc} {
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

func (c collector) Collect(ch chan<- prometheus.Metric) {
	to, lost := scrape(ch), c.s.sales.Lost()
	for _, sale := range c.s.sales.All() {
		to.sale(sale)
		lost += sale.Lost()
	}
	to.counter(buysDesc, c.s.unknownUndecided.Load(), "", buy.Labels()[buy.Undecided])
	to.counter(lostDesc, lost)
	to.counter(dropsDesc, c.s.decisions.dropped.Load())
	if c.s.cfg.JWT != nil {
		for reason, n := range c.s.refusals.All() {
			to.counter(jwtDesc, n, reason)
		}
	}
}

// sale has the metrics of one sale. It omits most metrics of a sale without buys, because there may be thousands of sales.
func (to scrape) sale(sale *sales.Sale) {
	bought := false
	for o, label := range buy.Labels() {
		heard := sale.Tally.Read(uint8(o))
		bought = bought || heard > 0
		if heard > 0 || buy.Outcome(o) == buy.Won || buy.Outcome(o) == buy.Undecided {
			to.counter(buysDesc, heard, sale.Name, label)
		}
	}
	v := sale.View()
	for place, n := range map[string]uint64{"free": v.Free, "leased": v.Leased, "limbo": v.Limbo,
		"pending": v.Pending, "confirmed": v.Confirmed} {
		to.gauge(unitsDesc, n, sale.Name, place)
	}
	for call, n := range sale.Calls() {
		if n > 0 {
			to.counter(callsDesc, n, sale.Name, call)
		}
	}
	if bought {
		to.gauge(stockDesc, sale.Stock(), sale.Name)
		to.gauge(claimsDesc, sale.Claims(), sale.Name)
		to.gauge(waitingDesc, uint64(sale.Waiting()), sale.Name)
	}
	if t := sale.Trouble(); t != nil {
		to.gauge(troubleDesc, 1, sale.Name, string(t.Ailment))
	}
}

func (s *Server) registry() *prometheus.Registry {
	r := cmp.Or(s.cfg.Registry, prometheus.NewRegistry())
	r.MustRegister(collector{s}, operators.Gauge(s.unready), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}
