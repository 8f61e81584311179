package main

import (
	"context"
	"fmt"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"spike/bench/measure"
	"spike/bench/peers"
	"spike/bench/price"
	"spike/bench/profile"
	"spike/bench/report"
	"spike/bench/rig"
	"spike/bench/strategies"
)

// BenchCmd measures the edge beside its peers, and ways to count.
type BenchCmd struct {
	All      quick[price.All]    `cmd:"" default:"withargs" set:"out=bench/out" help:"${bench_all}"`
	Counters quick[price.Count]  `cmd:"" set:"out=bench/out" help:"Measure ways to count a stock down, over GOMAXPROCS."`
	Edge     quick[price.Answer] `cmd:"" set:"out=bench/out" help:"${bench_edge}"`
	Pprof    BenchPprofCmd       `cmd:"" help:"Start an edge and profile it under load."`
	Peer     BenchPeerCmd        `cmd:"" hidden:"" help:"Run one of the servers that the edge is measured against."`

	Sim        BenchSimCmd                  `cmd:"" help:"${sim}"`
	Strategies measured[strategies.Options] `cmd:"" set:"out=bench/out/strategies" help:"${bench_strategies}"`
	Balance    measured[price.Share]        `cmd:"" set:"out=bench/out/front" help:"${bench_balance}"`
	Bill       measured[price.Bill]         `cmd:"" set:"out=bench/out/front" help:"${bench_bill}"`
	Real       measured[price.Real]         `cmd:"" set:"out=bench/out/real" help:"${bench_real}"`
	Durable    measured[price.Durable]      `cmd:"" set:"out=bench/out/durable" help:"${bench_durable}"`
	Gate       measured[price.Flag]         `cmd:"" set:"out=bench/out/front" help:"${bench_gate}"`
}

// experiment is a measurement. Its fields are its flags.
type experiment interface {
	Run(ctx context.Context, h measure.Host) (report.Doc, error)
}

// measured is the command of an experiment.
type measured[E experiment] struct {
	Out        string `default:"${out}" type:"path" placeholder:"DIR" help:"Folder for the results."`
	Experiment E      `embed:""`
}

// Run measures, prints the tables and saves the report. It fails if anything was not as it must be.
func (c *measured[E]) Run(ctx context.Context) error {
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	dir, err := rig.Room("bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	step, finish := benchProgress()
	doc, err := c.Experiment.Run(ctx, measure.Host{Program: binary, Dir: dir, OnStep: step})
	finish()
	if err != nil {
		return err
	}
	files, err := doc.Save(c.Out)
	if err != nil {
		return err
	}
	if err = doc.Text(os.Stdout); err != nil {
		return err
	}
	fmt.Printf("\nsaved: %s\n", files)
	return verdict(!doc.Failed)
}

// quick is the command of an experiment that has a short run.
type quick[E interface {
	experiment
	Short() E
}] struct {
	measured[E]
	Quick bool `help:"A short run, to see that it works."`
}

// Run measures.
func (c *quick[E]) Run(ctx context.Context) error {
	if c.Quick {
		c.Experiment = c.Experiment.Short()
	}
	return c.measured.Run(ctx)
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
	Name       string `arg:"" enum:"bare,onescript,article,order-then-deduct,pay-then-deduct,grouped"`
	Listen     string `required:"" placeholder:"ADDR"`
	Redis      string `placeholder:"ADDR" help:"Store of onescript and article."`
	Body       string `enum:"won,soldout" default:"soldout" help:"What bare answers."`
	Like       string `placeholder:"ADDR" help:"A server whose answer bare repeats."`
	Log        string `type:"path" help:"Log of article, a line per request."`
	LocalStock int64  `default:"100000000" help:"How many units article's own counter lets through."`
	DB         string `placeholder:"postgres://..." env:"SPIKE_DB" help:"The others' database. SPIKE_DB hides its password."`
	Pool       int    `default:"24" help:"Connections to it."`
}

// Run serves until the context ends.
func (c *BenchPeerCmd) Run(ctx context.Context) (err error) {
	o := peers.Options{Listen: c.Listen, Redis: c.Redis, Log: c.Log, LocalStock: c.LocalStock, DB: c.DB, Pool: c.Pool,
		Answer: peers.SoldOut()}
	if c.Body == "won" {
		o.Answer = peers.Won()
	}
	if c.Like != "" {
		if o.Answer, err = peers.Like(ctx, c.Like); err != nil {
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
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("pprof: %w", err)
	}
	crowd, err := profile.Loaded{Binary: binary, Out: c.Out, Seconds: c.Seconds, Connections: c.Connections,
		SoldOut: c.Only == "soldout", EdgeArgs: c.EdgeArg}.Run(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d answers at %.0f/s, codes %v, transport errors %v\n",
		c.Only, crowd.Answered, crowd.PerSecond(), crowd.Codes, crowd.ErrorKinds)
	return profile.Print(os.Stdout, c.Out)
}
