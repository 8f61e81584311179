package price

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
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
	limit int  // units per buyer; 0: no limit
	named bool // buyers come with X-Buyer-Id
	keyed bool // buyers come with an Idempotency-Key
}

const anonymous, realSale = "anonymous", "limit+key"

// kinds, the plainest first. Those between the first and the last tell which part of a real sale costs what.
var (
	kindNames = []string{anonymous, "buyer", "buyer+key", "limit", realSale}
	kinds     = map[string]kind{anonymous: {}, "buyer": {named: true}, "buyer+key": {named: true, keyed: true},
		"limit": {limit: 2, named: true}, realSale: {limit: 2, named: true, keyed: true}}
)

// phase is a state of a sale in which every buyer hears the same.
type phase struct {
	title   string
	outcome string // as spike_buys_total says it
	units   int64
	limited bool // only sales with a limit have it
	bought  bool // every unit was bought before
	paid    bool // and paid for, so nothing can come back
	regular bool // the buyers are few, and have bought before what they may
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
	phaseNames = []string{"selling", "over", "nonenow", "soldout"}
	phases     = map[string]phase{
		"selling": {title: "Selling: every buyer wins", outcome: "won", units: manyUnits, targets: []realTarget{
			{measure.Target{What: "buys/s, x anonymous", Least: true, Bound: 0.6, Digits: 3}, toAnonymous("per_sec")},
			{measure.Target{What: "edge us/buy", Bound: 40, Digits: 1}, measure.Median("edge_us")},
			{measure.Target{What: "Redis us/buy", Bound: 12, Digits: 2}, measure.Median("redis_us")},
			{measure.Target{What: "scripts/buy", Bound: 0.05, Digits: 4}, measure.Median("scripts")}}},
		"over": {title: "Over the limit: every buyer has all that it may have", outcome: "over_limit", units: manyUnits,
			limited: true, regular: true},
		"nonenow": {title: "None now: every unit is held, and may come back", outcome: "none_now", units: fewUnits, bought: true,
			targets: refusals},
		"soldout": {title: "Sold out: every unit is paid for", outcome: "sold_out", units: fewUnits, bought: true, paid: true,
			targets: refusals},
	}
	refusals = []realTarget{
		{measure.Target{What: "edge CPU, x anonymous", Bound: 1.3, Digits: 3}, toAnonymous("edge_us")},
		{measure.Target{What: "scripts/buy", Bound: 0.002, Digits: 4}, measure.Median("scripts")}}
)

// leg is a kind of sale, sold by one of two programs.
type leg struct{ kind, build string }

const this, base = "this", "base"

// String tells the two programs apart, if there are two.
func (l leg) String() string {
	if l.build == "" {
		return l.kind
	}
	return l.kind + ", " + l.build
}

// toAnonymous is a figure over that of the anonymous sale of the same program, within a round.
func toAnonymous(figure string) measure.Figure {
	return func(s measure.Samples, subject string) measure.Spread {
		l := legOf(subject)
		l.kind = anonymous
		return measure.Over(figure, l.String())(s, subject)
	}
}

func toBase(figure string) measure.Figure {
	return func(s measure.Samples, subject string) measure.Spread {
		return measure.Over(figure, leg{legOf(subject).kind, base}.String())(s, subject)
	}
}

func legOf(subject string) leg {
	kind, build, _ := strings.Cut(subject, ", ")
	return leg{kind, build}
}

// Run measures the sales of a phase in turns, there and back, and then those of the next one.
func (o Real) Run(ctx context.Context, h measure.Host) (d report.Doc, err error) {
	if err = errors.Join(measure.Check(o), measure.Known("phase", o.Only, phaseNames),
		measure.Known("kind of sale", o.Sales, kindNames)); err != nil {
		return d, err
	}
	samples, err := measure.Experiment[*site]{Parts: o.parts(), Rounds: o.Rounds, Turns: measure.ThereAndBack,
		Open: func(ctx context.Context, part, subject string) (*site, error) {
			return o.open(ctx, h, part, subject)
		},
		Load: o.load, Close: func(s *site) { s.Close() }}.Run(ctx, h)
	return o.doc(ctx, samples), err
}

func (o Real) parts() (parts []measure.Part) {
	sales, builds := o.Sales, []string{""}
	if len(sales) == 0 {
		sales = []string{anonymous, realSale}
	}
	if o.Base != "" {
		builds = []string{this, base}
	}
	for _, name := range measure.Choose(o.Only, phaseNames) {
		p := measure.Part{Name: name}
		for _, kind := range measure.Choose(sales, kindNames) {
			for _, build := range builds {
				if kinds[kind].limit > 0 || !phases[name].limited {
					p.Subjects = append(p.Subjects, leg{kind, build}.String())
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
	kind  kind
	crowd crowd.Options
	few   int64        // buyers that there are; 0: one for each request
	sent  atomic.Int64 // requests
}

// open starts a site and brings its sale into the phase. Then it loads the site for a moment, for its connections and leases.
func (o Real) open(ctx context.Context, h measure.Host, part, subject string) (*site, error) {
	l, p, program := legOf(subject), phases[part], h.Program
	if l.build == base {
		program = o.Base
	}
	s := &site{kind: kinds[l.kind]}
	dir, err := os.MkdirTemp(h.Dir, part+"-")
	if err != nil {
		return s, err
	}
	sell := []string{"--hold", o.Hold.String()}
	if s.kind.limit > 0 {
		sell = append(sell, "--limit-per-buyer", strconv.Itoa(s.kind.limit))
	}
	if s.Site, err = rig.Open(ctx, rig.SiteOptions{Binary: program, Dir: dir, Units: p.units, Make: sell,
		Servers: []rig.Options{{Args: o.EdgeArg}}}); err != nil {
		return s, err
	}
	// An edge lets no buyer wait longer than three seconds for the ledger.
	s.crowd = crowd.Options{URLs: []string{s.Servers[0].BuyURL(rig.Sale)}, Connections: o.Connections, Method: fasthttp.MethodPost,
		Timeout: maxWait}
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

// send sends requests for so long, and at most so many.
func (s *site) send(ctx context.Context, long time.Duration, most int64, heard func(crowd.Answer)) (crowd.Result, error) {
	first, o := s.sent.Load(), s.crowd
	o.Connections, o.Requests, o.For, o.Heard = int(min(int64(o.Connections), most)), most, long, heard
	o.Dress = func(n int64, h *fasthttp.RequestHeader) { s.dress(first+n, h) }
	r, err := crowd.Run(ctx, o)
	s.sent.Add(r.Answered + r.Errors)
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
	if s.kind.named {
		buyer := n
		if s.few > 0 {
			buyer %= s.few
		}
		h.SetBytesV("X-Buyer-Id", strconv.AppendInt(append(room[:0], "buyer-"...), buyer, 10))
	}
	if s.kind.keyed {
		h.SetBytesV("Idempotency-Key", appendID(room[:0], n, 2))
	}
}

// appendID appends 32 hexadecimal digits, which differ for each n and for each even salt.
func appendID(to []byte, n int64, salt uint64) []byte {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], scatter(uint64(n)<<4|salt))
	binary.BigEndian.PutUint64(b[8:], scatter(uint64(n)<<4|salt|1))
	return hex.AppendEncode(to, b[:])
}

// scatter is a bijection: no two numbers come to the same one (the finalizer of SplitMix64).
func scatter(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
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

// load loads a site once.
func (o Real) load(ctx context.Context, s *site, t measure.Turn) (m measure.Sample, err error) {
	heard, err := s.Servers[0].Buys(ctx, rig.Sale)
	if err != nil {
		return m, err
	}
	var seen crowd.Result
	cost, err := spent(ctx, s.Site, func() (err error) {
		seen, err = s.send(ctx, o.Duration, manyUnits, nil)
		return err
	})
	if err != nil {
		return m, err
	}
	now, err := s.Servers[0].Buys(ctx, rig.Sale)
	right := now[phases[t.Part].outcome] - heard[phases[t.Part].outcome]
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

// doc has tables of costs, and of ratios, for each phase.
func (o Real) doc(ctx context.Context, samples measure.Samples) report.Doc {
	d := report.Doc{Name: "real", Title: "Real sales", Machine: report.ThisMachine(ctx), Options: o, Samples: samples,
		Failed: samples.Sum(measure.Faulty) > 0}
	for _, part := range samples.Parts() {
		p, s := phases[part], samples.In(part)
		main := leg{realSale, ""}
		if o.Base != "" {
			main.build = this
		}
		cost := report.Rows(p.title, "sale", s, s.Subjects(), ranged("buys/s", 0, "per_sec"), ranged("edge us/buy", 1, "edge_us"),
			ranged("Redis us/buy", 2, "redis_us"), ranged("scripts/buy", 4, "scripts"), median("p50 ms", 2, "p50_ms"),
			median("p99 ms", 2, "p99_ms"), faulty())
		for _, t := range p.targets {
			cost.Notes = append(cost.Notes, t.Say(t.of(s, main.String()))...)
		}
		d.Tables = append(d.Tables, cost, p.beside("anonymous", s, toAnonymous), p.beside("base", s, toBase))
	}
	if n := len(d.Tables); n > 0 {
		d.Tables[n-3].Notes = append(d.Tables[n-3].Notes, o.how(ctx)...)
	}
	return d
}

// beside is a table of ratios within a round. It has rows of those who can be compared.
func (p phase) beside(whom string, s measure.Samples, to func(figure string) measure.Figure) report.Table {
	var rows []string
	for _, subject := range s.Subjects() {
		if to("per_sec")(s, subject).N > 0 {
			rows = append(rows, subject)
		}
	}
	return report.Rows(p.title+" (beside "+whom+", within a round)", "sale", s, rows, report.Range("buys/s", 3, to("per_sec")),
		report.Range("edge us", 3, to("edge_us")), report.Range("Redis us", 3, to("redis_us")))
}

func (o Real) how(ctx context.Context) []string {
	notes := []string{fmt.Sprintf("medians of %s, two loads of %v each, %d connections, hold %v; headers as nginx passes "+
		"them on, a buyer and a key of its own for each request", bench.Plural(o.Rounds, "round"), o.Duration, o.Connections, o.Hold)}
	if o.Base != "" {
		notes = append(notes, "base is "+report.VersionOf(ctx, o.Base))
	}
	return notes
}
