package price

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"spike/bench"
	"spike/bench/crowd"
	"spike/bench/measure"
	"spike/bench/peers"
	"spike/bench/report"
	"spike/bench/rig"
)

// Answer measures the edge beside its peers: with the same answer, under the same load, in the same minutes. All servers of a
// scenario run at once, each with a Redis of its own. wrk loads them one at a time: edge, bare, bare, edge, and then each other
// peer once, in the other order in every second round. At last ab loads each once, because it shares no code with wrk. The bare
// server repeats an answer of the edge.
type Answer struct {
	Quads       int           `default:"5" range:"1..1000" help:"Rounds of edge, bare, bare, edge; the result is their median."`
	Duration    time.Duration `default:"2s" range:"1s..10m" step:"1s" help:"Duration of one load by wrk, in whole seconds."`
	Connections int           `default:"64" range:"1..65536" help:"Connections of wrk and ab."`
	Threads     int           `default:"1" range:"1..65536" help:"Threads of wrk."`
	AbRequests  int           `default:"100000" range:"0..1000000000" help:"Requests of the cross-check by ab. 0: no cross-check."`
	Procs       int           `help:"GOMAXPROCS of every server. 0: each server's own default."`
	Hold        string        `placeholder:"5m" help:"Hold of the edge's sale. Default: a sale made by HMSET, which has none."`
	EdgeArg     []string      `placeholder:"ARG" help:"A further argument of the edge. May be repeated."`
	Header      []string      `sep:"none" placeholder:"NAME:VALUE" help:"A header of each request. May be repeated."`
	Only        []string      `placeholder:"NAME" help:"Only these: soldout, selling, edge, bare, onescript, article."`
}

// Short returns the options of a short run.
func (o Answer) Short() Answer {
	o.Quads, o.Duration, o.AbRequests = 1, time.Second, min(o.AbRequests, 10_000)
	return o
}

var answerServers = []string{edge, peers.Bare, peers.OneScript, peers.Article}

// scenario is an answer that every buyer gets. The answer of 99 of 100 buyers comes first.
type scenario struct {
	named
	title, answer  string
	total, sold    int64 // of the hash
	code           int
	body           string  // bare's name of the answer
	ratio, scripts float64 // targets of the edge: its CPU over bare's, and scripts of Redis an answer
	each           string  // figure that the scripts are counted by
}

var scenarios = list[scenario]{
	{"soldout", "Sold out: every answer is a loser's", "request", 1, 1, soldOut, "soldout", 1.08, 0.0002, "requests"},
	{"selling", "Selling: every answer is a winner's", "unit", manyUnits, 0, won, "won", 1.20, 0.02, "sold"},
}

// Run measures the servers.
func (o Answer) Run(ctx context.Context, h measure.Host) (report.Doc, error) {
	parts, err := o.parts()
	if err != nil {
		return report.Doc{}, err
	}
	l := &lineup{Answer: o, h: h}
	rounds := o.Quads
	if o.AbRequests > 0 {
		rounds++
	}
	samples, err := measure.Experiment[*rig.Site]{Parts: parts, Rounds: rounds, Turns: o.turns, Open: l.open, Load: l.load,
		Close: (*rig.Site).Close}.Run(ctx, h)
	return o.doc(report.ThisMachine(ctx), samples), err
}

// parts are the scenarios and their servers. Only may name some of each.
func (o Answer) parts() (parts []measure.Part, err error) {
	if err = measure.Check(o); err != nil {
		return nil, err
	}
	if o.Connections < o.Threads {
		return nil, fmt.Errorf("%w: %d connections on %d threads", bench.ErrUsage, o.Connections, o.Threads)
	}
	if _, err = bench.Tool("ab"); err != nil && o.AbRequests > 0 {
		return nil, err
	}
	names := scenarios.names()
	if err = measure.Known("scenario or server", o.Only, slices.Concat(names, answerServers)); err != nil {
		return nil, err
	}
	for _, name := range measure.Choose(o.Only, names) {
		parts = append(parts, measure.Part{Name: name, Subjects: measure.Choose(o.Only, answerServers)})
	}
	return parts, nil
}

// turns of a round: edge, bare, bare, edge, and each other server once. ab's round is the last.
func (o Answer) turns(n, round int) []int {
	if round > o.Quads {
		return measure.Alternate(n, 1)
	}
	quad := 0
	for _, name := range measure.Choose(o.Only, answerServers)[:min(n, 2)] {
		if name == edge || name == peers.Bare {
			quad++
		}
	}
	order := measure.ThereAndBack(quad, round)
	for _, i := range measure.Alternate(n-quad, round) {
		order = append(order, quad+i)
	}
	return order
}

// lineup starts the servers of a scenario.
type lineup struct {
	Answer
	h     measure.Host
	model string // the address of the edge, whose answer bare repeats; empty: there is no edge
}

// open starts one server, loads it for a second, for its connections, buffers and first leases, and hears whether it gives the
// scenario's answer.
func (l *lineup) open(ctx context.Context, part, name string) (site *rig.Site, err error) {
	sc := scenarios.of(part)
	if site, err = l.start(ctx, sc, name); err != nil {
		return nil, err
	}
	if name == edge {
		l.model = site.Servers[0].Addr
	}
	url := site.Servers[0].BuyURL(rig.Sale)
	_, err = l.wrk(url, time.Second).Run(ctx)
	var r crowd.Result
	if err == nil {
		r, err = crowd.Run(ctx, crowd.Options{URLs: []string{url}, Connections: 1, Requests: 1})
	}
	if err == nil && r.Codes[sc.code] != 1 {
		err = fmt.Errorf("%w: expected code %d, got codes %v, statuses %v", bench.ErrDependency, sc.code, r.Codes, r.Statuses)
	}
	if err != nil {
		site.Close()
	}
	return site, err
}

// start starts the spike program as this server, on a Redis with the scenario's sale. bare has no Redis.
func (l *lineup) start(ctx context.Context, sc scenario, name string) (*rig.Site, error) {
	o := rig.Options{Name: name, Binary: l.h.Program, Dir: l.h.Dir}
	if l.Procs > 0 {
		o.Env = []string{"GOMAXPROCS=" + strconv.Itoa(l.Procs)}
	}
	site := rig.SiteOptions{Units: sc.total, Sold: sc.sold, Kind: rig.Peer(name)}
	switch name {
	case peers.Bare:
		o.Args = []string{"--body", sc.body}
		if l.model != "" {
			o.Args = append(o.Args, "--like", l.model)
		}
		bare, err := rig.StartServer(ctx, site.Kind, o)
		return &rig.Site{Servers: []*rig.Server{bare}}, err
	case peers.Article:
		o.Args = []string{"--log", "stat.log", "--local-stock", fmt.Sprint(sc.total - sc.sold)}
	case edge:
		site.Kind, o.Args = rig.Edge, l.EdgeArg
		if l.Hold != "" && sc.code == won {
			site.Make = []string{"--hold", l.Hold}
		}
	}
	site.Servers = []rig.Options{o}
	return openSite(ctx, l.h, site)
}

func (l *lineup) wrk(url string, d time.Duration) crowd.Wrk {
	return crowd.Wrk{URL: url, Threads: l.Threads, Connections: l.Connections, Duration: d, Headers: l.Header}
}

// load loads a server by wrk, and in the last round by ab.
func (l *lineup) load(ctx context.Context, site *rig.Site, t measure.Turn) (m measure.Sample, err error) {
	url := site.Servers[0].BuyURL(rig.Sale)
	tool := l.wrk(url, l.Duration).Run
	if t.Round > l.Quads {
		tool = crowd.AB{URL: url, Requests: l.AbRequests, Connections: l.Connections, Limit: 2 * time.Minute, Headers: l.Header}.Run
	}
	seen, cost, err := spent(ctx, site, func() (crowd.Measurement, error) { return tool(ctx) })
	m.Raw = struct {
		crowd.Measurement
		rig.Costs
	}{seen, cost}
	m.Figures = toolFigures(seen)
	m.Figures["cpu_us"] = measure.Per(cost.Servers, seen.Requests)
	if site.Redis != nil {
		m.Figures["redis_us"] = measure.Per(cost.Redis, seen.Requests)
		m.Figures["scripts"], m.Figures["sold"] = float64(cost.Scripts), float64(cost.Sold)
		if scenarios.of(t.Part).code == won {
			m.Figures[measure.Faulty] += float64(max(0, seen.Requests-cost.Sold)) // a win without a unit in the hash
		}
	}
	if t.Round > l.Quads {
		m.Figures = measure.Figures{"ab_us": m.Figures["cpu_us"], "ab_per_sec": seen.PerSec, measure.Faulty: m.Figures[measure.Faulty]}
	}
	return m, err
}

func (o Answer) doc(machine report.Machine, samples measure.Samples) report.Doc {
	d := report.Doc{Name: "report", Title: "What an answer costs", Machine: machine, Options: o, Samples: samples,
		Foot: "Bars: medians; whiskers: all rounds; × over the bare server; green: the edge's target. Only ratios mean anything."}
	for _, part := range samples.Parts() {
		sc, s := scenarios.of(part), samples.In(part)
		ratio, scripts := measure.Over("cpu_us", peers.Bare), measure.Each("scripts", sc.each)
		cost := report.Rows(sc.title, "server", s, s.Subjects(), ranged("CPU us/request", 2, "cpu_us"),
			report.Range("x bare", 3, ratio), median("requests/s", 0, "per_sec"), median("p50 ms", 2, "p50_ms"),
			median("p99 ms", 2, "p99_ms"), faulty())
		cost.Notes = append(measure.Target{What: "edge, x bare", Bound: sc.ratio, Digits: 3}.Say(ratio(s, edge)), o.how()...)
		beside := report.Rows(sc.title+" (Redis, and ab as a cross-check)", "server", s, s.Subjects(),
			median("Redis CPU us/request", 2, "redis_us"), report.Col("scripts", 0, measure.Sum("scripts")),
			report.Col("scripts/"+sc.answer, -1, scripts), median("ab: CPU us/request", 2, "ab_us"),
			median("ab: requests/s", 0, "ab_per_sec"))
		beside.Notes = measure.Target{What: "edge, scripts/" + sc.answer, Bound: sc.scripts, Digits: 6}.Say(scripts(s, edge))
		if o.AbRequests > 0 {
			beside.Notes = append(beside.Notes, fmt.Sprintf("ab: one pass of ab -l -k -n %d -c %d", o.AbRequests, o.Connections))
		}
		d.Tables = append(d.Tables, cost, beside)
		d.Panels = append(d.Panels, report.Panel{Title: sc.title, Legend: "server CPU, µs per request", Bars: bars(sc, s),
			Scale: samples.Spread("cpu_us").Max})
	}
	return d
}

func bars(sc scenario, s measure.Samples) (all []report.Bar) {
	for _, name := range s.Subjects() {
		b := report.Bar{Name: name, Main: name == edge, Value: s.Of(name).Spread("cpu_us"), Digits: 1,
			Note: fmt.Sprintf("%.0fk/s", s.Of(name).Spread("per_sec").Median/1000)}
		if ratio := measure.Over("cpu_us", peers.Bare)(s, name); ratio.N > 0 {
			b.Note = fmt.Sprintf("×%.2f · ", ratio.Median) + b.Note
		}
		if name == edge {
			b.Target = s.Of(peers.Bare).Spread("cpu_us").Median * sc.ratio
		}
		if b.Value.N > 0 { // a system that does not tell CPU time has no bars
			all = append(all, b)
		}
	}
	return all
}

func (o Answer) how() []string {
	procs, hold := "default GOMAXPROCS", "no hold"
	if o.Procs > 0 {
		procs = fmt.Sprintf("GOMAXPROCS=%d", o.Procs)
	}
	if o.Hold != "" {
		hold = "hold " + o.Hold
	}
	notes := []string{fmt.Sprintf("medians of %s by wrk -t%d -c%d -d%ds; servers with %s; edge's sale with %s",
		bench.Plural(o.Quads, "quad"), o.Threads, o.Connections, int(o.Duration.Seconds()), procs, hold)}
	if len(o.Header) > 0 {
		notes = append(notes, "each request with "+strings.Join(o.Header, ", "))
	}
	return notes
}
