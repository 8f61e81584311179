package price

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"spike/bench"
	"spike/bench/crowd"
	"spike/bench/measure"
	"spike/bench/report"
	"spike/bench/rig"
)

// Real measures sales as shops have them: with a limit per buyer, a hold, and a page that sends an Idempotency-Key. An anonymous
// sale is measured beside them, in the same run. Two programs can be measured beside each other: this one, and that of an
// earlier commit.
//
// Each request has a key of its own, and a buyer of its own unless the phase is about buyers who have all that they may have.
// The edge's own counter says what the buyers of a load have heard. An answer that is not the phase's is faulty.
type Real struct {
	Rounds      int           `default:"3" range:"1..1000" help:"How many rounds: A B C D, then D C B A. Ratios are within a round."`
	Duration    time.Duration `default:"2s" range:"100ms..1m" help:"How long one load lasts."`
	Connections int           `default:"64" range:"1..4096" help:"Connections of the crowd."`
	Hold        time.Duration `default:"5m" range:"1m..24h" help:"Hold of the sales. It must outlast the run."`
	Base        string        `type:"existingfile" placeholder:"FILE" help:"Another spike program, to be measured in the same run."`
	EdgeArg     []string      `placeholder:"ARG" help:"A further argument of every edge. May be repeated."`
	Only        []string      `placeholder:"NAME" help:"Only these phases: selling, over, nonenow, soldout."`
	Sales       []string      `placeholder:"NAME" help:"${bench_real_sales}"`
}

// kind is what a sale asks of its buyers, and what they send.
type kind struct {
	named
	limit int  // units per buyer; 0: no limit
	known bool // buyers come with X-Buyer-Id
	keyed bool // buyers come with an Idempotency-Key
}

const anonymous, realSale = "anonymous", "limit+key"

// kinds, the plainest first. Those between the first and the last tell which part of a real sale costs what.
var kinds = list[kind]{{anonymous, 0, false, false}, {"buyer", 0, true, false}, {"buyer+key", 0, true, true},
	{"limit", 2, true, false}, {realSale, 2, true, true}}

// phase is a state of a sale in which every buyer hears the same.
type phase struct {
	named
	title   string
	outcome string // as spike_buys_total says it
	units   int64
	bought  bool // every unit was bought before
	paid    bool // and paid for, so nothing can come back
	regular bool // the buyers are few, and have bought before what they may: only sales with a limit have it
	targets []realTarget
}

// realTarget is what a sale with a limit and keys should come to.
type realTarget struct {
	measure.Target
	of measure.Figure
}

const (
	fewUnits = 16
	regulars = 1000 // buyers of a regular phase
)

var (
	phases = list[phase]{
		{named: "selling", title: "Selling: every buyer wins", outcome: "won", units: manyUnits, targets: []realTarget{
			{measure.Target{What: "buys/s, x anonymous", Least: true, Bound: 0.6, Digits: 3}, toAnonymous("per_sec")},
			{measure.Target{What: "edge us/buy", Bound: 40, Digits: 1}, measure.Median("edge_us")},
			{measure.Target{What: "Redis us/buy", Bound: 12, Digits: 2}, measure.Median("redis_us")},
			{measure.Target{What: "scripts/buy", Bound: 0.05, Digits: 4}, measure.Median("scripts")}}},
		{named: "over", title: "Over the limit: every buyer has all that it may have", outcome: "over_limit", units: manyUnits,
			regular: true},
		{named: "nonenow", title: "None now: every unit is held, and may come back", outcome: "none_now", units: fewUnits,
			bought: true, targets: refusals},
		{named: "soldout", title: "Sold out: every unit is paid for", outcome: "sold_out", units: fewUnits, bought: true,
			paid: true, targets: refusals},
	}
	refusals = []realTarget{
		{measure.Target{What: "edge CPU, x anonymous", Bound: 1.3, Digits: 3}, toAnonymous("edge_us")},
		{measure.Target{What: "scripts/buy", Bound: 0.002, Digits: 4}, measure.Median("scripts")}}
)

// this and base end the name of a subject if there are two programs: "limit+key, base".
const this, base = ", this", ", base"

// kindOf returns the kind of a subject, and the end of its name.
func kindOf(subject string) (k kind, program string) {
	name, _, _ := strings.Cut(subject, ",")
	return kinds.of(name), strings.TrimPrefix(subject, name)
}

// toAnonymous is a figure over that of the anonymous sale of the same program, within a round.
func toAnonymous(figure string) measure.Figure {
	return func(s measure.Samples, subject string) measure.Spread {
		_, program := kindOf(subject)
		return measure.Over(figure, anonymous+program)(s, subject)
	}
}

func toBase(figure string) measure.Figure {
	return func(s measure.Samples, subject string) measure.Spread {
		k, _ := kindOf(subject)
		return measure.Over(figure, k.String()+base)(s, subject)
	}
}

// Run measures the sales of a phase in turns, there and back, and then those of the next one.
func (o Real) Run(ctx context.Context, h measure.Host) (d report.Doc, err error) {
	if err = errors.Join(measure.Check(o), measure.Known("phase", o.Only, phases.names()),
		measure.Known("kind of sale", o.Sales, kinds.names())); err != nil {
		return d, err
	}
	samples, err := measure.Experiment[*site]{Parts: o.parts(), Rounds: o.Rounds, Turns: measure.ThereAndBack,
		Open: func(ctx context.Context, part, subject string) (*site, error) { return o.open(ctx, h, part, subject) },
		Load: o.load, Close: func(s *site) { s.Close() }}.Run(ctx, h)
	return o.doc(ctx, samples), err
}

func (o Real) parts() (parts []measure.Part) {
	sales, programs := o.Sales, []string{""}
	if len(sales) == 0 {
		sales = []string{anonymous, realSale}
	}
	if o.Base != "" {
		programs = []string{this, base}
	}
	for _, name := range measure.Choose(o.Only, phases.names()) {
		p := measure.Part{Name: name}
		for _, kind := range measure.Choose(sales, kinds.names()) {
			for _, program := range programs {
				if kinds.of(kind).limit > 0 || !phases.of(name).regular {
					p.Subjects = append(p.Subjects, kind+program)
				}
			}
		}
		parts = append(parts, p)
	}
	return parts
}

// site is an edge and its Redis with one sale, and those who buy.
type site struct {
	*rig.Site
	Real
	kind kind
	few  int64 // buyers that there are; 0: one for each request
	sent int64 // requests
}

// open starts a site and brings its sale into the phase. Then it loads the site for a moment, for its connections and leases.
func (o Real) open(ctx context.Context, h measure.Host, part, subject string) (s *site, err error) {
	p, program := phases.of(part), ""
	s = &site{Real: o}
	if s.kind, program = kindOf(subject); program == base {
		h.Program = o.Base
	}
	ours := rig.SiteOptions{Units: p.units, Make: []string{"--hold", o.Hold.String()}, Servers: []rig.Options{{Args: o.EdgeArg}}}
	if s.kind.limit > 0 {
		ours.Make = append(ours.Make, "--limit-per-buyer", strconv.Itoa(s.kind.limit))
	}
	if s.Site, err = openSite(ctx, h, ours); err != nil {
		return s, err
	}
	if err = s.prepare(ctx, p); err == nil {
		_, err = s.send(ctx, min(time.Second, o.Duration), manyUnits, nil)
	}
	if err != nil {
		s.Close()
	}
	return s, err
}

// prepare buys what the phase wants bought, and pays.
func (s *site) prepare(ctx context.Context, p phase) error {
	switch {
	case p.regular:
		s.few = regulars
		return s.buy(ctx, regulars*int64(s.kind.limit), nil)
	case p.bought:
		bought := crowd.Wins{Keep: true}
		if err := s.buy(ctx, p.units, bought.Hear); err != nil || !p.paid {
			return err
		}
		return s.pay(ctx, &bought)
	}
	return nil
}

func (s *site) send(ctx context.Context, long time.Duration, most int64, heard func(crowd.Answer)) (crowd.Result, error) {
	r, err := crowd.Run(ctx, crowd.Options{URLs: []string{s.Servers[0].BuyURL(rig.Sale)}, Method: fasthttp.MethodPost,
		Connections: int(min(int64(s.Connections), most)), Requests: most, For: long, Timeout: maxWait, Heard: heard,
		Dress: func(n int64, h *fasthttp.RequestHeader) { s.dress(s.sent+n, h) }})
	s.sent += r.Answered + r.Errors
	return r, err
}

// buy sends exactly so many requests, of which each must win.
func (s *site) buy(ctx context.Context, n int64, heard func(crowd.Answer)) error {
	r, err := s.send(ctx, 0, n, heard)
	if err == nil && r.Codes[won] != n {
		err = fmt.Errorf("%d of %d buyers won: codes %v, errors %v", r.Codes[won], n, r.Codes, r.ErrorKinds)
	}
	return err
}

// dress gives request n its headers, as nginx passes on those of browsers.
func (s *site) dress(n int64, h *fasthttp.RequestHeader) {
	var room [64]byte
	ip := fmt.Appendf(room[:0], "10.%d.%d.%d", byte(n>>16), byte(n>>8), byte(n))
	h.SetBytesV("X-Real-IP", ip)
	h.SetBytesV("X-Forwarded-For", ip)
	h.SetBytesV("X-Request-ID", appendID(room[:0], n, 0))
	if s.kind.known {
		buyer := n
		if s.few > 0 {
			buyer %= s.few
		}
		h.SetBytesV("X-Buyer-Id", strconv.AppendInt(append(room[:0], "buyer-"...), buyer, 10))
	}
	if s.kind.keyed {
		h.SetBytesV("Idempotency-Key", appendID(room[:0], n, 1))
	}
}

// appendID appends 32 hexadecimal digits, which differ for each n and for each salt.
func appendID(to []byte, n int64, salt uint64) []byte {
	r := rand.NewPCG(uint64(n), salt)
	return fmt.Appendf(to, "%016x%016x", r.Uint64(), r.Uint64())
}

// pay confirms all reservations, as a payment service does.
func (s *site) pay(ctx context.Context, bought *crowd.Wins) error {
	conn := crowd.NewConn(ctx, s.Servers[0].Admin, maxWait, nil)
	defer conn.Close()
	units := bought.Units()
	if len(units) != fewUnits {
		return fmt.Errorf("%d units to pay for, not %d", len(units), fewUnits)
	}
	for _, r := range units {
		a, err := conn.Ask(fasthttp.MethodPost, "/api/v1/reservations/"+r.Token+"/confirm")
		if err == nil && a.Status != fasthttp.StatusOK {
			err = fmt.Errorf("confirm: %v", a)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o Real) load(ctx context.Context, s *site, t measure.Turn) (m measure.Sample, err error) {
	heard, err := s.Servers[0].Buys(ctx, rig.Sale)
	if err != nil {
		return m, err
	}
	seen, cost, err := spent(ctx, s.Site, func() (crowd.Result, error) { return s.send(ctx, o.Duration, manyUnits, nil) })
	if err != nil {
		return m, err
	}
	now, err := s.Servers[0].Buys(ctx, rig.Sale)
	outcome := phases.of(t.Part).outcome
	right := now[outcome] - heard[outcome]
	m.Raw = struct {
		Load crowd.Result `json:"load"`
		rig.Costs
		Right int64 `json:"right"` // answers that are the phase's, by the edge's counter
	}{seen, cost, right}
	m.Figures = crowdFigures(seen)
	m.Figures["edge_us"], m.Figures["redis_us"] = measure.Per(cost.Servers, seen.Answered), measure.Per(cost.Redis, seen.Answered)
	m.Figures["scripts"] = measure.Share(cost.Scripts, seen.Answered)
	m.Figures[measure.Faulty] = float64(seen.Errors + max(0, seen.Answered-right))
	return m, err
}

func (o Real) doc(ctx context.Context, samples measure.Samples) report.Doc {
	d := report.Doc{Name: "real", Title: "Real sales", Machine: report.ThisMachine(ctx), Options: o, Samples: samples,
		Failed: samples.Sum(measure.Faulty) > 0}
	for _, part := range samples.Parts() {
		p, s := phases.of(part), samples.In(part)
		main := realSale
		if o.Base != "" {
			main += this
		}
		cost := report.Rows(p.title, "sale", s, s.Subjects(), ranged("buys/s", 0, "per_sec"), ranged("edge us/buy", 1, "edge_us"),
			ranged("Redis us/buy", 2, "redis_us"), ranged("scripts/buy", 4, "scripts"), median("p50 ms", 2, "p50_ms"),
			median("p99 ms", 2, "p99_ms"), faulty())
		for _, t := range p.targets {
			cost.Notes = append(cost.Notes, t.Say(t.of(s, main))...)
		}
		d.Tables = append(d.Tables, cost, p.beside("anonymous", s, toAnonymous), p.beside("base", s, toBase))
	}
	if n := len(d.Tables); n > 0 {
		last := &d.Tables[n-3]
		last.Notes = append(last.Notes, fmt.Sprintf("medians of %s, two loads of %v each, %d connections, hold %v; headers as nginx "+
			"passes them on, a buyer and a key of its own for each request", bench.Plural(o.Rounds, "round"), o.Duration,
			o.Connections, o.Hold))
		if o.Base != "" {
			last.Notes = append(last.Notes, "base is "+report.VersionOf(ctx, o.Base))
		}
	}
	return d
}

// beside is a table of ratios within a round. It has rows of those who can be compared.
func (p phase) beside(whom string, s measure.Samples, to func(figure string) measure.Figure) report.Table {
	rows := slices.DeleteFunc(s.Subjects(), func(subject string) bool { return to("per_sec")(s, subject).N == 0 })
	return report.Rows(p.title+" (beside "+whom+", within a round)", "sale", s, rows, report.Range("buys/s", 3, to("per_sec")),
		report.Range("edge us", 3, to("edge_us")), report.Range("Redis us", 3, to("redis_us")))
}
