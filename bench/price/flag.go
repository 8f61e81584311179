package price

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"spike/bench"
	"spike/bench/crowd"
	"spike/bench/measure"
	"spike/bench/report"
	"spike/bench/rig"
	"spike/nginx"
)

// Flag measures the cost of "sold out" at nginx. The configuration of `spike nginx` finds the flag of the sale. Beside it an
// nginx only does `return 200` with the same body. Each has one worker, and wrk loads them in turns A B B A: first with one
// flagged sale, then with ten thousand and requests over all of them.
type Flag struct {
	Quads       int           `default:"5" range:"1..1000" help:"Rounds of flag, return, return, flag. The result is their median."`
	Duration    time.Duration `default:"2s" range:"1s..1m" step:"1s" help:"Duration of one load by wrk, in whole seconds."`
	Connections int           `default:"64" range:"1..8192" help:"Connections of wrk."`
	Sales       []int         `default:"1,10000" range:"1..100000" help:"How many sales have a flag, one number after the other."`
}

// The two servers that are compared.
const byFlag, byReturn = "flag", "return"

// Run measures both servers.
func (o Flag) Run(ctx context.Context, h measure.Host) (d report.Doc, err error) {
	if err = measure.Check(o); err != nil {
		return d, err
	}
	pairs, parts := map[string]*pair{}, []measure.Part(nil)
	for _, sales := range o.Sales {
		part := strconv.Itoa(sales)
		parts = append(parts, measure.Part{Name: part, Subjects: []string{byFlag, byReturn}})
		pairs[part] = &pair{o: o, dir: filepath.Join(h.Dir, part), sales: sales}
	}
	samples, err := measure.Experiment[*rig.Nginx]{Parts: parts, Rounds: o.Quads, Turns: measure.ThereAndBack,
		Open: func(ctx context.Context, part, name string) (*rig.Nginx, error) {
			return pairs[part].open(ctx, h, name)
		},
		Load: func(ctx context.Context, n *rig.Nginx, t measure.Turn) (measure.Sample, error) {
			return pairs[t.Part].load(ctx, n)
		},
		Close: func(n *rig.Nginx) { _ = n.Stop() }}.Run(ctx, h)
	for _, p := range pairs {
		_ = os.RemoveAll(p.flags)
	}
	return o.doc(report.ThisMachine(ctx), samples), err
}

// pair is the two servers with so many flagged sales.
type pair struct {
	o      Flag
	dir    string
	sales  int
	said   crowd.Answer // by the flag
	flags  string       // the folder of flags
	oldest int64        // slot for which there may be flags; 0: there are none
}

// open starts one of the two. No edge is behind the one with flags, so a request that does not find its flag gets a 503.
func (p *pair) open(ctx context.Context, h measure.Host, name string) (*rig.Nginx, error) {
	listen, err := rig.FreeAddr()
	if err != nil {
		return nil, err
	}
	o := rig.NginxOptions{Name: "nginx-" + name, Dir: p.dir, Addr: listen, Idle: http.StatusOK}
	if name == byFlag {
		o.Idle = http.StatusServiceUnavailable
		o.Conf, err = p.flagConf(ctx, h, listen)
	} else {
		o.Conf, err = confOf("flag.conf.tmpl", map[string]string{"Listen": listen, "Type": string(p.said.Header.ContentType()),
			"Body": string(p.said.Body)})
	}
	if err != nil {
		return nil, err
	}
	n, err := rig.NewNginx(o)
	if err == nil {
		err = n.Start(ctx)
	}
	if err != nil {
		return nil, err
	}
	if err = p.compare(ctx, name, listen); err != nil {
		_ = n.Stop()
	}
	return n, err
}

// flagConf makes the folder of flags, and the nginx.conf that finds them.
func (p *pair) flagConf(ctx context.Context, h measure.Host, listen string) (conf string, err error) {
	const nobody = "127.0.0.1:1"
	if p.flags, err = rig.FlagDir(); err == nil {
		err = cmp.Or(os.Mkdir(p.dir, 0o755), os.WriteFile(p.script(), fmt.Appendf(nil, askAll, p.sales), 0o600), p.keep(time.Now(), 0))
	}
	file := ""
	if err == nil {
		file, err = rig.Topology{Listen: listen, Edges: []string{nobody}, GateDir: p.flags, Workers: 1}.Save(p.dir)
	}
	if err != nil {
		return "", err
	}
	return rig.Conf(ctx, h.Program, file)
}

// linesOf is an answer without its date.
func linesOf(a crowd.Answer) (lines string) {
	for name, value := range a.Header.All() {
		if string(name) != fasthttp.HeaderDate {
			lines += fmt.Sprintf("%s: %s; ", name, value)
		}
	}
	return lines + string(a.Body)
}

// compare hears what a server says. Both must say the same, without the date.
func (p *pair) compare(ctx context.Context, name, addr string) error {
	conn := crowd.NewConn(ctx, addr, maxWait, nil)
	defer conn.Close()
	a, err := conn.Ask(http.MethodGet, "/buy/"+flagged(0))
	switch {
	case err != nil:
		return err
	case a.Status != http.StatusOK:
		return fmt.Errorf("%w: nginx does not answer by the flag: %v", bench.ErrDependency, a)
	case name == byFlag:
		p.said = a
	case linesOf(p.said) != linesOf(a):
		return fmt.Errorf("the two do not say the same: %s and %s", linesOf(p.said), linesOf(a))
	}
	return nil
}

func flagged(i int) string { return fmt.Sprintf("sale-%05d", i) }

// keep writes the flags of every slot from now until long after, as the gate does, and removes older ones. A load that overruns
// its time finds its flags, too.
func (p *pair) keep(now time.Time, long time.Duration) error {
	const margin = 5 * time.Second
	first, last := nginx.Slot(now), nginx.Slot(now.Add(long+margin))
	for slot := cmp.Or(p.oldest, first); slot <= last; slot++ {
		set := os.RemoveAll
		if slot >= first {
			set = func(file string) error { return os.MkdirAll(file, 0o755) }
		}
		for i := range p.sales {
			if err := set(filepath.Join(p.flags, nginx.FlagName(flagged(i), nginx.SoldOut, slot))); err != nil {
				return fmt.Errorf("flags: %w", err)
			}
		}
	}
	p.oldest = first
	return nil
}

// askAll is a script for wrk: each request asks for a random sale. All requests are made beforehand, so that the crowd's work
// does not hold the server back.
const askAll = `
local sales, all = %d, {}
init = function()
  for i = 0, sales - 1 do all[i + 1] = wrk.format("GET", string.format("/buy/sale-%%05d", i)) end
end
request = function() return all[math.random(sales)] end
`

func (p *pair) script() string { return filepath.Join(p.dir, "sales.lua") }

func (p *pair) load(ctx context.Context, n *rig.Nginx) (m measure.Sample, err error) {
	if err = p.keep(time.Now(), p.o.Duration); err != nil {
		return m, err
	}
	before, _ := n.CPU() // 0 on a system that does not tell it
	seen, err := crowd.Wrk{URL: "http://" + n.Addr, Script: p.script(), Threads: 1, Connections: p.o.Connections,
		Duration: p.o.Duration}.Run(ctx)
	after, _ := n.CPU()
	m.Figures = toolFigures(seen)
	m.Figures["cpu_us"] = measure.Per(after-before, seen.Requests)
	m.Raw = struct {
		crowd.Measurement
		CPU time.Duration `json:"cpu_ns"` // of nginx, all of it
	}{seen, after - before}
	return m, err
}

func (o Flag) doc(machine report.Machine, samples measure.Samples) report.Doc {
	of := func(server, figure string) measure.Figure {
		return func(s measure.Samples, sales string) measure.Spread { return s.In(sales).Of(server).Spread(figure) }
	}
	ratio := func(s measure.Samples, sales string) measure.Spread {
		return s.In(sales).Of(byFlag).Ratio("cpu_us", s.In(sales).Of(byReturn))
	}
	faults := func(s measure.Samples, sales string) measure.Spread {
		return measure.Of(s.In(sales).Sum(measure.Faulty))
	}
	t := report.Rows("\"Sold out\" at nginx: CPU us/request", "flagged sales", samples, samples.Parts(),
		report.Range("by a flag", 2, of(byFlag, "cpu_us")), report.Range("return 200", 2, of(byReturn, "cpu_us")),
		report.Range("ratio", 3, ratio), report.Col("requests/s", 0, of(byFlag, "per_sec")),
		report.Col("p99 ms", 2, of(byFlag, "p99_ms")), report.Col("faulty", 0, faults))
	for _, sales := range samples.Parts() {
		t.Notes = append(t.Notes, measure.Target{What: sales + " flagged, x return 200", Bound: 1.25, Digits: 3}.
			Say(ratio(samples, sales))...)
	}
	t.Notes = append(t.Notes, fmt.Sprintf("medians of %s by wrk -t1 -c%d -d%ds; one worker each, the same answer byte for byte",
		bench.Plural(o.Quads, "quad"), o.Connections, int(o.Duration.Seconds())))
	return report.Doc{Name: "gate", Title: "Sold out at nginx", Machine: machine, Options: o, Tables: []report.Table{t},
		Samples: samples, Failed: samples.Sum(measure.Faulty) > 0}
}
