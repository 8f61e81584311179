package price

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

	"spike/bench"
	"spike/bench/crowd"
	"spike/bench/measure"
	"spike/bench/report"
	"spike/bench/rig"
	"spike/nginx"
)

// Share compares the ways in which nginx can share a crowd among edges: in turn, in turn by weight, by the client's address, by
// the buyer. Each is measured with and without connections that are kept alive to the edges. The same four edges are behind all
// of them, and their own counters say which edge answered what. The sale is sold out, so the measured answer is the one that 99
// of 100 buyers get.
//
// Every request has a buyer of its own, and every connection a client address of its own. nginx hashes the first three bytes
// of an IPv4 address, so the hash by address gets two crowds. One comes from as many networks as connections. The other comes
// from one network, as behind a provider's translator, and meets one edge.
type Share struct {
	Rounds      int      `default:"4" range:"1..100" help:"How many rounds of all ways, every second one backwards."`
	Requests    int64    `default:"100000" range:"1..100000000" help:"Requests of a turn. Each has a buyer of its own."`
	Connections int      `default:"256" range:"1..8192" help:"Connections. Each has a client address of its own."`
	Only        []string `sep:";" placeholder:"NAME" help:"${balance_only}"`
}

// way is a way to share a crowd.
type way struct {
	named
	balance nginx.Balance
	weights []int                           // of the edges
	from    func(connection int) netip.Addr // a connection's address
}

const (
	roundRobin = "round robin"
	loose      = ", nothing kept" // of a way's name: no connection is kept alive to the edges
)

var (
	even = []int{1, 1, 1, 1}
	ways = list[way]{
		{roundRobin, nginx.RoundRobin, even, manyNetworks},
		{"weighted", nginx.RoundRobin, weights, manyNetworks},
		{"ip-hash", nginx.IPHash, even, manyNetworks},
		{"ip-hash, one network", nginx.IPHash, even, oneNetwork},
		{"buyer-hash", nginx.BuyerHash, even, manyNetworks},
	}
)

// manyNetworks gives each connection an address in its own network of 256. All of 127.0.0.0/8 is this machine.
func manyNetworks(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(1 + i/256%254), byte(i % 256), 1})
}

// oneNetwork gives each connection an address of the same network.
func oneNetwork(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, byte(2 + i%253)}) }

// wayOf finds a way by its name, or by that of its turns with nothing kept.
func wayOf(name string) way { return ways.of(strings.TrimSuffix(name, loose)) }

// sharesOf is each number's part of their sum.
func sharesOf[N int | float64](numbers []N) (shares []float64) {
	sum := N(0)
	for _, n := range numbers {
		sum += n
	}
	for _, n := range numbers {
		shares = append(shares, float64(n)/float64(sum))
	}
	return shares
}

// Run compares the ways.
func (o Share) Run(ctx context.Context, h measure.Host) (d report.Doc, err error) {
	if err = errors.Join(measure.Check(o), measure.Known("way", o.Only, ways.names())); err != nil {
		return d, err
	}
	site, err := rig.Open(ctx, rig.SiteOptions{Binary: h.Program, Dir: h.Dir, Units: 1, Sold: 1, Servers: fourEdges()})
	if err != nil {
		return d, err
	}
	defer site.Close()
	var subjects []string
	for _, name := range measure.Choose(o.Only, ways.names()) {
		subjects = append(subjects, name, name+loose)
	}
	samples, err := measure.Experiment[way]{Parts: []measure.Part{{Subjects: subjects}}, Rounds: o.Rounds, Turns: measure.Alternate,
		Open: func(_ context.Context, _, name string) (way, error) { return wayOf(name), nil },
		Load: func(ctx context.Context, w way, t measure.Turn) (measure.Sample, error) {
			return o.load(ctx, site, w, !strings.HasSuffix(t.Subject, loose))
		}}.Run(ctx, h)
	return o.doc(report.ThisMachine(ctx), samples), err
}

// load puts an nginx of this kind in front of the edges, and sends the crowd.
func (o Share) load(ctx context.Context, site *rig.Site, w way, kept bool) (m measure.Sample, err error) {
	more := []string{"balance: " + string(w.balance)}
	if !kept {
		more = append(more, "keepalive: 0")
	}
	if err = site.OpenFront(ctx, rig.Topology{Weights: w.weights, More: more}, ""); err != nil {
		return m, err
	}
	read := func(ctx context.Context) (r shares, err error) {
		if r.Counts, err = site.Answered(ctx); err == nil {
			r.Cost, err = site.Costs(ctx)
		}
		return r, err
	}
	before, after, seen, err := around(ctx, read, read, func() (crowd.Result, error) {
		return crowd.Run(ctx, crowd.Options{URLs: []string{"http://" + site.Nginx.Addr + "/buy/" + rig.Sale}, Dress: crowd.Named,
			Connections: int(min(int64(o.Connections), o.Requests)), Requests: o.Requests,
			From: func(connection int) crowd.Dial { return crowd.From(w.from(connection)) }})
	})
	if err != nil {
		return m, err
	}
	return o.sample(seen, before, after), nil
}

// shares are a site's numbers that only grow.
type shares struct {
	Cost   rig.Costs `json:"cost"`
	Counts []int64   `json:"counts"` // by edge, as each counts itself
}

func (o Share) sample(seen crowd.Result, before, after shares) measure.Sample {
	after.Cost = after.Cost.Since(before.Cost)
	us := func(cpu time.Duration) float64 { return measure.Per(cpu, o.Requests) }
	m := measure.Sample{Figures: measure.Figures{"nginx_us": us(after.Cost.Nginx), "edges_us": us(after.Cost.Servers),
		"both_us": us(after.Cost.Nginx + after.Cost.Servers)}}
	counted := int64(0)
	for i := range after.Counts {
		after.Counts[i] -= before.Counts[i]
		counted += after.Counts[i]
		m.Figures[edgeName(i)] = float64(after.Counts[i])
	}
	// A request is faulty if it was not answered, or not counted.
	m.Figures[measure.Faulty] = float64(max(o.Requests-seen.Statuses[200], o.Requests-counted, counted-o.Requests))
	m.Raw = struct {
		Load crowd.Result `json:"load"`
		shares
	}{seen, after}
	return m
}

// counted is how many requests each edge has answered in all turns of a way.
func counted(s measure.Samples, way string) (counts []float64) {
	for i := range weights {
		counts = append(counts, bothTurns(edgeName(i))(s, way).Median)
	}
	return counts
}

// bothTurns is the sum of a figure over all turns of a way, with and without kept connections.
func bothTurns(figure string) measure.Figure {
	return func(s measure.Samples, way string) measure.Spread {
		return measure.Of(s.Of(way).Sum(figure) + s.Of(way+loose).Sum(figure))
	}
}

// jain is Jain's index of fairness of counts against wanted shares: (Σx)² / (n Σx²) with x = count/share. 1 means the wanted
// shares. 1/n means that one of n equal edges got everything. It is not a number if nothing was counted.
//
// R. Jain, D. Chiu, W. Hawe: A Quantitative Measure of Fairness and Discrimination (1984).
func jain(counts, wanted []float64) float64 {
	var sum, squares float64
	for i, n := range counts {
		x := n / wanted[i]
		sum += x
		squares += x * x
	}
	return sum * sum / (float64(len(counts)) * squares)
}

// deviation is how far the worst edge is from its wanted share, in percent of that share.
func deviation(counts, wanted []float64) (worst float64) {
	for i, share := range sharesOf(counts) {
		worst = max(worst, 100*math.Abs(share/wanted[i]-1))
	}
	return worst
}

// fairness is a figure of how a way's counts differ from those wanted.
func fairness(of func(counts, wanted []float64) float64) measure.Figure {
	return func(s measure.Samples, way string) measure.Spread {
		return measure.Of(of(counted(s, way), sharesOf(wayOf(way).weights)))
	}
}

func (o Share) doc(machine report.Machine, s measure.Samples) report.Doc {
	names := measure.Choose(o.Only, ways.names())
	unkept := func(s measure.Samples, way string) measure.Spread { return measure.Median("both_us")(s, way+loose) }
	overKept := func(s measure.Samples, way string) measure.Spread { return measure.Over("both_us", way)(s, way+loose) }
	columns := []report.Column{{Head: "wanted", Text: func(way string) string {
		var words []string
		for _, share := range sharesOf(wayOf(way).weights) {
			words = append(words, fmt.Sprintf("%.0f %%", 100*share))
		}
		return strings.Join(words, " ")
	}}}
	for i := range weights {
		columns = append(columns, report.Col(edgeName(i), 0, bothTurns(edgeName(i))))
	}
	columns = append(columns, report.Col("Jain's index", 4, fairness(jain)), report.Percent("furthest off", 2, fairness(deviation)),
		report.Col("faulty", 0, bothTurns(measure.Faulty)))
	who := report.Rows("Who gets the crowd: requests by the edges' own counters", "way", s, names, columns...)
	who.Notes = []string{"Jain's index of what each got over what it should: 1 is as wanted, 0.25 is all for one of four"}
	cost := report.Rows("What a request costs: CPU us", "way", s, names, median("nginx", 2, "nginx_us"),
		median("edges", 2, "edges_us"), ranged("both", 2, "both_us"),
		report.Range("x round robin", 3, measure.Over("both_us", roundRobin)),
		report.Range("both, nothing kept", 2, unkept), report.Range("x kept", 3, overKept))
	cost.Notes = []string{fmt.Sprintf("medians of %s of %d requests on %d connections, all answered \"sold out\"; "+
		"kept: connections from nginx to the edges", bench.Plural(o.Rounds, "round"), o.Requests, o.Connections)}
	return report.Doc{Name: "balance", Title: "How nginx shares a crowd among four edges", Machine: machine, Options: o,
		Tables: []report.Table{who, cost}, Panels: sharePanels(s, names), Samples: s, Failed: s.Sum(measure.Faulty) > 0,
		Foot: "Green: the share by weight. Of costs, bars are medians and whiskers all rounds; only ratios mean anything."}
}

// sharePanels are one for each way, with a bar for each edge's share, and one of what a request costs.
func sharePanels(s measure.Samples, names []string) (panels []report.Panel) {
	costs := report.Panel{Title: "What a request costs", Wide: true,
		Legend: "CPU, µs per request, nginx and edges together; orange: connections kept alive"}
	for _, name := range names {
		counts, wanted := counted(s, name), sharesOf(wayOf(name).weights)
		p := report.Panel{Title: name, Scale: 100, Legend: fmt.Sprintf(
			"share of the requests; Jain's index %.4f, furthest off %.1f %%", jain(counts, wanted), deviation(counts, wanted))}
		for i, share := range sharesOf(counts) {
			p.Bars = append(p.Bars, report.Bar{Name: edgeName(i), Value: measure.Of(100 * share), Digits: 2, Unit: " %",
				Target: 100 * wanted[i], Note: fmt.Sprintf("of %.0f %%", 100*wanted[i])})
		}
		panels = append(panels, p)
		for _, subject := range []string{name, name + loose} {
			if mine := s.Of(subject); mine.Spread("both_us").N > 0 {
				costs.Bars = append(costs.Bars, report.Bar{Name: name, Main: subject == name, Value: mine.Spread("both_us"), Digits: 1,
					Unit: " µs", Note: "nginx " + report.Number(mine.Spread("nginx_us"), 1) + ", edges " +
						report.Number(mine.Spread("edges_us"), 1)})
			}
		}
	}
	return append(panels, costs)
}
