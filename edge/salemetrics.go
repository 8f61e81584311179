package edge

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"spike/edge/buy"
	"spike/edge/sales"
)

var (
	saleLabel = []string{"sale"}
	buysDesc  = prometheus.NewDesc("spike_buys_total", "Buys answered, by what the buyer heard.",
		[]string{"sale", "outcome"}, nil)
	unitsDesc = prometheus.NewDesc("spike_units",
		"Units of the sale by where they lie, as of this edge's newest look. Every edge has a copy: max by (sale, place), never sum.",
		[]string{"sale", "place"}, nil)
	unitsAgeDesc = prometheus.NewDesc("spike_units_age_seconds", "Age of the look that spike_units is from.", saleLabel, nil)
	stateDesc    = prometheus.NewDesc("spike_sale_state", "1 for the state of the sale's doors.", []string{"sale", "state"}, nil)
	opensDesc    = prometheus.NewDesc("spike_sale_opens_timestamp_seconds", "When the sale opens, if it has such a time.",
		saleLabel, nil)
	closesDesc = prometheus.NewDesc("spike_sale_closes_timestamp_seconds", "When the sale closes, if it has such a time.",
		saleLabel, nil)
	recoverDesc = prometheus.NewDesc("spike_sale_recovering", "1 while the store grants nothing, because its history was cut.",
		saleLabel, nil)
	stockDesc  = prometheus.NewDesc("spike_edge_stock", "Units on this edge that a buyer could have now.", saleLabel, nil)
	claimsDesc = prometheus.NewDesc("spike_edge_claims", "Claims this edge has made and not yet settled.", saleLabel, nil)
	oldestDesc = prometheus.NewDesc("spike_edge_oldest_claim_seconds",
		"Age of the oldest claim that is not settled: what a crash without --data would lose.", saleLabel, nil)
	leaseDesc = prometheus.NewDesc("spike_edge_lease_ends_seconds",
		"How long this edge may still sell under the lease that ends first, if it is not renewed.", saleLabel, nil)
	callsDesc   = prometheus.NewDesc("spike_store_calls_total", "Calls this edge made to the store.", []string{"sale", "call"}, nil)
	waitingDesc = prometheus.NewDesc("spike_edge_waiting", "Buys that wait for a lease or for the store.", saleLabel, nil)
	troubleDesc = prometheus.NewDesc("spike_trouble", "1 while the sale gets no new units here, by the kind of its trouble.",
		[]string{"sale", "ailment"}, nil)
)

// saleDescs are the metrics of a sale.
var saleDescs = []*prometheus.Desc{buysDesc, unitsDesc, unitsAgeDesc, stateDesc, opensDesc, closesDesc, recoverDesc, stockDesc,
	claimsDesc, oldestDesc, leaseDesc, callsDesc, waitingDesc, troubleDesc}

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
	to.view(sale)
	for call, n := range sale.Calls() {
		if n > 0 {
			to.counter(callsDesc, n, sale.Name, call)
		}
	}
	if bought {
		to.selling(sale)
	}
	if t := sale.Trouble(); t != nil {
		to.gauge(troubleDesc, 1, sale.Name, string(t.Ailment))
	}
}

// view has what the newest look at the ledger told.
func (to scrape) view(sale *sales.Sale) {
	v := sale.View()
	for place, n := range map[string]uint64{"free": v.Free, "leased": v.Leased, "limbo": v.Limbo,
		"pending": v.Pending, "confirmed": v.Confirmed} {
		to.gauge(unitsDesc, n, sale.Name, place)
	}
	to.seconds(unitsAgeDesc, sale.SeenAgo(), sale.Name)
	to.gauge(stateDesc, 1, sale.Name, v.State.Word())
	for d, at := range map[*prometheus.Desc]int64{opensDesc: v.Opens, closesDesc: v.Closes} {
		if at != 0 {
			to.seconds(d, time.Duration(at)*time.Microsecond, sale.Name)
		}
	}
	if v.Reopens > 0 {
		to.gauge(recoverDesc, 1, sale.Name)
	}
}

// selling has the metrics of a sale that was bought from here.
func (to scrape) selling(sale *sales.Sale) {
	to.gauge(stockDesc, sale.Stock(), sale.Name)
	to.gauge(claimsDesc, sale.Claims(), sale.Name)
	to.gauge(waitingDesc, uint64(sale.Waiting()), sale.Name)
	to.seconds(oldestDesc, sale.Unsettled(), sale.Name)
	if soonest, any := sale.SellsFor(); any {
		to.seconds(leaseDesc, soonest, sale.Name)
	}
}

// unasked has a sale that nobody has asked this edge for: it has answered no buy of it.
func (to scrape) unasked(name string) {
	for _, o := range []buy.Outcome{buy.Won, buy.Undecided} {
		to.counter(buysDesc, 0, name, buy.Labels()[o])
	}
}
