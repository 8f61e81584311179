package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"spike/bench/compare"
	"spike/bench/counters"
	"spike/bench/peers"
	"spike/bench/profile"
	"spike/bench/report"
)

// BenchCmd measures the edge beside its peers, and ways to count.
type BenchCmd struct {
	All      BenchAllCmd      `cmd:"" default:"withargs" help:"Measure the counters, then the edge beside its peers (default)."`
	Counters BenchCountersCmd `cmd:"" help:"Measure ways to count a stock down, over GOMAXPROCS."`
	Edge     BenchEdgeCmd     `cmd:"" help:"Measure the edge beside a bare server, a script per request, and the article's design."`
	Pprof    BenchPprofCmd    `cmd:"" help:"Start an edge and profile it under load."`
	Peer     BenchPeerCmd     `cmd:"" hidden:"" help:"Run one of the servers that the edge is measured against."`

	Sim        BenchSimCmd        `cmd:"" help:"${sim}"`
	Strategies BenchStrategiesCmd `cmd:"" help:"Measure three sequences of order, payment and deduction, on a real PostgreSQL."`
	Balance    BenchBalanceCmd    `cmd:"" help:"Measure how nginx shares a crowd among four edges, and what each way costs."`
	Bill       BenchBillCmd       `cmd:"" help:"Measure the CPU time of a spike in the article's design, ours, ours with a gate."`
	Real       BenchRealCmd       `cmd:"" help:"Measure sales with a limit, a hold and keys beside an anonymous sale."`
	Durable    BenchDurableCmd    `cmd:"" help:"Measure sales whose buyers hear of them when they are durable."`
	Gate       BenchGateCmd       `cmd:"" help:"Measure \"sold out\" by a flag at nginx beside return 200 of the same body."`
}

type benchOut struct {
	Out string `default:"bench/out" type:"path" placeholder:"DIR" help:"Folder for the results."`
}

type benchCounterFlags struct {
	Rounds int `default:"5" help:"Rounds of the counters; the result is their median."`
}

type benchEdgeFlags struct {
	Quads       int           `default:"5" help:"Rounds of edge, bare, bare, edge; the result is their median."`
	Duration    time.Duration `default:"2s" help:"Duration of one load by wrk, in whole seconds."`
	Connections int           `default:"64" help:"Connections of wrk and ab."`
	Threads     int           `default:"1" help:"Threads of wrk."`
	AbRequests  int           `default:"100000" help:"Requests of the cross-check by ab. 0: no cross-check."`
	Procs       int           `help:"GOMAXPROCS of every server. 0: each server's own default."`
	Hold        string        `placeholder:"5m" help:"Hold of the edge's sale. Default: a sale made by HMSET, which has none."`
	EdgeArg     []string      `placeholder:"ARG" help:"A further argument of the edge. May be repeated."`
	Header      []string      `sep:"none" placeholder:"NAME:VALUE" help:"A header of each request. May be repeated."`
	Only        []string      `placeholder:"NAME" help:"Only these: soldout, selling, edge, bare, onescript, article."`
}

// BenchAllCmd makes one report of all tables.
type BenchAllCmd struct {
	benchOut
	benchCounterFlags
	benchEdgeFlags
	Quick bool `help:"A short run, to see that it works."`
}

// Run measures the counters and the servers, prints the tables and saves the report.
func (c *BenchAllCmd) Run(ctx context.Context) (err error) {
	r := report.Report{Machine: report.ThisMachine(ctx)}
	if r.Counters, err = c.benchCounterFlags.run(ctx, c.Quick); err != nil {
		return err
	}
	if err = c.benchEdgeFlags.run(ctx, c.Quick, &r); err != nil {
		return err
	}
	return c.publish(r)
}

// BenchCountersCmd makes the counters' table alone.
type BenchCountersCmd struct {
	benchOut
	benchCounterFlags
	Quick bool `help:"A short run, to see that it works."`
}

// Run measures the counters, prints the table and saves the report.
func (c *BenchCountersCmd) Run(ctx context.Context) (err error) {
	r := report.Report{Machine: report.ThisMachine(ctx)}
	if r.Counters, err = c.run(ctx, c.Quick); err != nil {
		return err
	}
	return c.publish(r)
}

// BenchEdgeCmd makes the servers' tables alone.
type BenchEdgeCmd struct {
	benchOut
	benchEdgeFlags
	Quick bool `help:"A short run, to see that it works."`
}

// Run measures the servers, prints the tables and saves the report.
func (c *BenchEdgeCmd) Run(ctx context.Context) error {
	r := report.Report{Machine: report.ThisMachine(ctx)}
	if err := c.run(ctx, c.Quick, &r); err != nil {
		return err
	}
	return c.publish(r)
}

func (o benchOut) publish(r report.Report) error {
	return publish(r, o.Out, "report.{txt,md,json,svg}")
}

// publish saves a report below dir, prints its tables, and names its files.
func publish(r interface {
	Save(dir string) error
	Text(w io.Writer) error
}, dir, files string) error {
	if err := r.Save(dir); err != nil {
		return err
	}
	if err := r.Text(os.Stdout); err != nil {
		return err
	}
	fmt.Printf("\nsaved: %s\n", filepath.Join(dir, files))
	return nil
}

func (f benchCounterFlags) run(ctx context.Context, quick bool) ([]counters.Cell, error) {
	o := counters.Options{Procs: []int{1, 2, 4, 8}, Rounds: f.Rounds, Time: 200 * time.Millisecond}
	if quick {
		o.Rounds, o.Time = 2, 100*time.Millisecond
	}
	step, finish := benchProgress()
	defer finish()
	o.OnRound = func(done, all int) { step(done, all, "counters") }
	return counters.Run(ctx, o)
}

func (f benchEdgeFlags) run(ctx context.Context, quick bool, r *report.Report) error {
	binary, err := ownBinary()
	if err != nil {
		return err
	}
	o := compare.Options{Binary: binary, Quads: f.Quads, Duration: f.Duration, Connections: f.Connections, Threads: f.Threads,
		ABRequests: f.AbRequests, Procs: f.Procs, Hold: f.Hold, EdgeArgs: f.EdgeArg, Headers: f.Header, Only: f.Only}
	if quick {
		o.Quads, o.Duration, o.ABRequests = 1, time.Second, min(o.ABRequests, 10_000)
	}
	step, finish := benchProgress()
	defer finish()
	o.OnStep = step
	if r.Samples, err = compare.Run(ctx, o); err != nil {
		return err
	}
	r.Options, r.Servers = &o, compare.Summarise(r.Samples)
	return nil
}

// benchProgress shows how far a run is: by a bar on a terminal, else by a line per step.
func benchProgress() (step func(done, all int, what string), finish func()) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return func(done, all int, what string) { fmt.Fprintf(os.Stderr, "%d/%d %s\n", done, all, what) }, func() {}
	}
	bar := progressbar.NewOptions(1, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(false), progressbar.OptionSetWidth(30))
	step = func(done, all int, what string) {
		bar.ChangeMax(all)
		bar.Describe(fmt.Sprintf("%-28s", what))
		_ = bar.Set(done)
	}
	return step, func() { _ = bar.Finish() }
}

// BenchPeerCmd runs a peer. The harness starts it as a process.
type BenchPeerCmd struct {
	Name       string `arg:"" enum:"bare,onescript,article"`
	Listen     string `required:"" placeholder:"ADDR"`
	Redis      string `placeholder:"ADDR" help:"Store of onescript and article."`
	Body       string `enum:"won,soldout" default:"soldout" help:"What bare answers."`
	AnswerFile string `type:"existingfile" help:"An answer as it came over the wire, which bare repeats."`
	Log        string `type:"path" help:"Log of article, a line per request."`
	LocalStock int64  `default:"100000000" help:"How many units article's own counter lets through."`
}

// Run serves until the context ends.
func (c *BenchPeerCmd) Run(ctx context.Context) (err error) {
	o := peers.Options{Listen: c.Listen, Redis: c.Redis, Log: c.Log, LocalStock: c.LocalStock, Answer: peers.SoldOut()}
	if c.Body == "won" {
		o.Answer = peers.Won()
	}
	if c.AnswerFile != "" {
		if o.Answer, err = peers.ReadAnswer(c.AnswerFile); err != nil {
			return err
		}
	}
	return peers.Run(ctx, c.Name, o)
}

// BenchPprofCmd starts an edge and profiles it.
type BenchPprofCmd struct {
	Out         string   `default:"bench/out/pprof" type:"path" placeholder:"DIR" help:"Folder for the profiles."`
	Seconds     int      `default:"10" help:"How long to profile."`
	Connections int      `default:"64" help:"Connections of the crowd."`
	Only        string   `enum:"selling,soldout" default:"selling" help:"What the crowd hears."`
	EdgeArg     []string `placeholder:"ARG" help:"A further argument of the edge. May be repeated."`
}

// Run takes the profiles under load and prints the top of each.
func (c *BenchPprofCmd) Run(ctx context.Context) error {
	binary, err := ownBinary()
	if err != nil {
		return err
	}
	profiles, crowd, err := profile.Loaded{Binary: binary, Out: c.Out, Seconds: c.Seconds, Connections: c.Connections,
		SoldOut: c.Only == compare.SoldOut, EdgeArgs: c.EdgeArg}.Run(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d answers at %.0f/s, codes %v, transport errors %v\n",
		c.Only, crowd.Answered, crowd.PerSecond(), crowd.Codes, crowd.ErrorKinds)
	return profile.Print(os.Stdout, profiles)
}
