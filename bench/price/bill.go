package price

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"spike/bench"
	"spike/bench/check"
	"spike/bench/crowd"
	"spike/bench/measure"
	"spike/bench/peers"
	"spike/bench/report"
	"spike/bench/rig"
	"spike/luascripts/ledger"
)

// Bill measures what a whole spike costs in CPU-seconds: nginx, the servers behind it, Redis and the gate together, without the
// crowd. One crowd meets four designs in one run:
//
//	article  package peers' article behind its own nginx (weights 1:2:3:4, no connection kept alive to the servers), which
//	         writes no access log here, as ours does not: that favours it
//	edges    Spike: `spike nginx` and four edges
//	gate     the same with `spike gate`: nginx says "sold out" by itself
//	limited  the same, and the sale has a limit per buyer, so that every win asks Redis
//
// The servers of a turn are started for it, so nothing is left of the turn before. The bill has what they spend until
// everything sold is settled. It does not have what they spend to start.
type Bill struct {
	Rounds      int      `default:"4" range:"1..100" help:"How many rounds: A B C D, then D C B A. Ratios are within a round."`
	Requests    int64    `default:"1000000" range:"1..100000000" help:"Requests of a turn. Each has a buyer of its own."`
	Units       int64    `default:"10000" range:"1..100000000" help:"How many units to sell."`
	Connections int      `default:"256" range:"1..8192" help:"How many keep-alive connections the requests share."`
	Only        []string `placeholder:"NAME" help:"Designs (article, edges, gate, limited) to measure."`
}

// design is a way to sell.
type design struct {
	named
	gate   bool
	limit  int     // of units per buyer; 0: none. Every request has a buyer of its own, so nobody meets it
	beside string  // the design above
	target float64 // the most that the bill may be of that one's
}

var designs = list[design]{{named: peers.Article}, {named: "edges"}, {named: "gate", gate: true, beside: "edges", target: 0.4},
	{named: "limited", gate: true, limit: 2, beside: "gate", target: 1.15}}

// Run measures the designs. A double sale or a missing answer is no error, but a fault in its sample.
func (o Bill) Run(ctx context.Context, h measure.Host) (d report.Doc, err error) {
	if err = errors.Join(measure.Check(o), measure.Known("design", o.Only, designs.names())); err != nil {
		return d, err
	}
	if o.Units > o.Requests {
		return d, fmt.Errorf("%w: %d units are more than %d requests", bench.ErrUsage, o.Units, o.Requests)
	}
	samples, err := measure.Experiment[design]{Parts: []measure.Part{{Subjects: measure.Choose(o.Only, designs.names())}},
		Rounds: o.Rounds, Turns: measure.Alternate, Open: designs.open,
		Load: func(ctx context.Context, d design, _ measure.Turn) (measure.Sample, error) { return o.load(ctx, h, d) }}.Run(ctx, h)
	return o.doc(report.ThisMachine(ctx), samples), err
}

func (o Bill) load(ctx context.Context, h measure.Host, d design) (m measure.Sample, err error) {
	site, err := openSite(ctx, h, o.site(d))
	if err != nil {
		return m, err
	}
	defer site.Close()
	if err = d.openFront(ctx, site); err != nil {
		return m, err
	}
	b := billed{d: d, units: o.Units}
	if err = b.visit(ctx, o, site); err == nil && d.String() != peers.Article {
		err = b.readBooks(ctx, h, site)
	}
	return b.sample(), err
}

func (o Bill) site(d design) rig.SiteOptions {
	site := rig.SiteOptions{Units: o.Units, Servers: fourEdges()}
	if d.String() == peers.Article { // each lets its share through to Redis and half as much again, as the article's 150 of 100
		site.Kind = rig.Peer(d.String())
		for i := range site.Servers {
			site.Servers[i].Args = []string{"--log", "stat.log", "--local-stock", strconv.FormatInt((o.Units*3+7)/8, 10)}
		}
	}
	if d.limit > 0 {
		site.Make = []string{"--hold", "0s", "--limit-per-buyer", strconv.Itoa(d.limit)}
	}
	return site
}

// weights of four servers, as in the article: a tenth of the requests for the first, four for the last.
var weights = []int{1, 2, 3, 4}

// fourEdges are the edges behind nginx.
func fourEdges() (all []rig.Options) {
	for i := range weights {
		name := edgeName(i)
		all = append(all, rig.Options{Name: name, Args: []string{"--node", name, "--sales", rig.Sale, "--grace", "4s"}})
	}
	return all
}

func edgeName(i int) string { return fmt.Sprintf("edge-%d", i+1) }

func (d design) openFront(ctx context.Context, site *rig.Site) (err error) {
	t, conf := rig.Topology{Edges: site.Addrs(), Weights: weights}, ""
	if d.gate {
		t.GateDir, err = site.FlagDir()
	} else if t.Listen, err = rig.FreeAddr(); err == nil && d.String() == peers.Article {
		conf, err = confOf("article.conf.tmpl", t)
	}
	if err != nil {
		return err
	}
	return site.OpenFront(ctx, t, conf)
}

// billed is what one turn came to.
type billed struct {
	d     design
	units int64 // that must have been sold
	wins  crowd.Wins

	Load    crowd.Result  `json:"load"`
	Cost    rig.Costs     `json:"cost"`
	Won     int64         `json:"won"`     // answers with code 1, of any server
	Sold    int64         `json:"sold"`    // by the sale's hash
	Reached int64         `json:"reached"` // requests the servers answered, as they count them; the article's do not
	Audit   *ledger.Audit `json:"audit,omitempty"`
}

// visit sends the crowd, each request with a buyer of its own, and reads what it cost.
func (b *billed) visit(ctx context.Context, o Bill, site *rig.Site) (err error) {
	b.Load, b.Cost, err = spent(ctx, site, func() (crowd.Result, error) {
		return crowd.Run(ctx, crowd.Options{URLs: []string{"http://" + site.Nginx.Addr + "/buy/" + rig.Sale},
			Connections: o.Connections, Requests: o.Requests, Timeout: maxWait, Dress: crowd.Named, Heard: b.wins.Hear})
	})
	b.Sold, b.Won = b.Cost.Sold, b.Load.Codes[won]
	return err
}

// readBooks asks the edges what they answered and, after their end, the ledger who owns what.
func (b *billed) readBooks(ctx context.Context, h measure.Host, site *rig.Site) error {
	counts, err := site.Answered(ctx)
	if err != nil {
		return err
	}
	for _, n := range counts {
		b.Reached += n
	}
	site.CloseSelling()
	audit, err := check.Audit(ctx, h.Program, site.Redis.Addr)
	b.Audit = &audit
	return err
}

func (b *billed) sample() measure.Sample {
	m := measure.Sample{Figures: crowdFigures(b.Load), Wrong: b.judge(), Raw: b}
	for name, cpu := range map[string]time.Duration{"nginx": b.Cost.Nginx, "servers": b.Cost.Servers, "redis": b.Cost.Redis,
		"gate": b.Cost.Gate, "all": b.Cost.CPU()} {
		m.Figures[name] = measure.Per(cpu, b.Load.Answered)
	}
	if b.d.String() != peers.Article {
		m.Figures["reached"] = 100 * measure.Share(b.Reached, b.Load.Answered)
	}
	m.Figures["wrong"] = float64(min(1, len(m.Wrong)))
	return m
}

func (b *billed) judge() (all []string) {
	wrong := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if r := b.Load; r.Answered != r.Requests || r.Statuses[200] != r.Answered {
		wrong("%d of %d requests answered, statuses %v, transport errors %v", r.Answered, r.Requests, r.Statuses, r.ErrorKinds)
	}
	if b.Won != b.units || b.Sold != b.units {
		wrong("%d units: %d won by the answers, %d sold by the hash", b.units, b.Won, b.Sold)
	}
	if b.d.String() == peers.Article { // it names no serial
		return all
	}
	if a := b.Audit; a == nil || !a.OK || int64(a.Pending+a.Confirmed) != b.units {
		wrong("audit: %+v", a)
	}
	return append(all, b.wins.Wrong()...)
}

func (o Bill) doc(machine report.Machine, s measure.Samples) report.Doc {
	t := report.Rows("The bill: CPU-seconds for a million requests", "design", s, s.Subjects(), ranged("all", 2, "all"),
		median("nginx", 2, "nginx"), median("servers", 2, "servers"), median("Redis", 2, "redis"), median("gate", 2, "gate"),
		report.Percent("reached a server", 2, measure.Median("reached")), median("requests/s", 0, "per_sec"),
		median("p50 ms", 2, "p50_ms"), median("p99 ms", 2, "p99_ms"), report.Col("wrong", 0, measure.Sum("wrong")))
	p := report.Panel{Title: fmt.Sprintf("%d requests for %d units", o.Requests, o.Units), Wide: true,
		Legend: "CPU-seconds for a million requests: nginx, servers, Redis and gate together"}
	say := func(of, over string, most float64) {
		t.Notes = append(t.Notes, measure.Target{What: of + ", x " + over, Bound: most, Digits: 3}.
			Say(measure.Over("all", over)(s, of))...)
	}
	for _, name := range s.Subjects() {
		d, mine := designs.of(name), s.Of(name)
		if d.beside != "" {
			say(name, d.beside, d.target)
		}
		of := func(figure string) string { return report.Number(mine.Spread(figure), 2) }
		p.Bars = append(p.Bars, report.Bar{Name: name, Main: name == "gate", Value: mine.Spread("all"), Digits: 1, Unit: " s",
			Target: d.target * s.Of(d.beside).Spread("all").Median,
			Note:   fmt.Sprintf("nginx %s, servers %s, Redis %s, gate %s", of("nginx"), of("servers"), of("redis"), of("gate"))})
	}
	say("gate", peers.Article, 1.0/6)
	t.Notes = append(t.Notes, fmt.Sprintf("medians of %s; %d requests for %d units on %d connections, the crowd's own CPU apart",
		bench.Plural(o.Rounds, "round"), o.Requests, o.Units, o.Connections))
	for _, w := range s.Wrong() {
		t.Notes = append(t.Notes, "WRONG: "+w)
	}
	return report.Doc{Name: "bill", Title: "The bill of a whole spike", Machine: machine, Options: o, Tables: []report.Table{t},
		Panels: []report.Panel{p}, Samples: s, Failed: len(s.Wrong()) > 0,
		Foot: "Bars: medians; whiskers: all rounds; green: the target, over the design above it. Only ratios mean anything."}
}
