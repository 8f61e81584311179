package main

import (
	"context"
	"time"

	"spike/bench/realsale"
	"spike/bench/report"
)

// BenchRealCmd measures sales with a limit per buyer, a hold and keys.
type BenchRealCmd struct {
	Out         string        `default:"bench/out/real" type:"path" placeholder:"DIR" help:"Folder for the results."`
	Rounds      int           `default:"3" help:"How many rounds: A B C D, then D C B A. Ratios are within a round."`
	Duration    time.Duration `default:"2s" help:"How long one load lasts."`
	Connections int           `default:"64" help:"Connections of the crowd."`
	Hold        time.Duration `default:"5m" help:"Hold of the sales. It must outlast the run."`
	Base        string        `type:"existingfile" placeholder:"FILE" help:"Another spike program, to be measured in the same run."`
	EdgeArg     []string      `placeholder:"ARG" help:"A further argument of every edge. May be repeated."`
	Only        []string      `placeholder:"NAME" help:"Only these phases: selling, over, nonenow, soldout."`
	Sales       []string      `placeholder:"NAME" help:"${bench_real_sales}"`
}

// Run measures, prints the tables and saves the report. It fails unless every buyer heard what the phase says.
func (c *BenchRealCmd) Run(ctx context.Context) error {
	binary, err := ownBinary()
	if err != nil {
		return err
	}
	step, finish := benchProgress()
	r := report.RealSale{Machine: report.ThisMachine(ctx), Options: realsale.Options{Binary: binary, Base: c.Base, Rounds: c.Rounds,
		Duration: c.Duration, Connections: c.Connections, Hold: c.Hold, EdgeArgs: c.EdgeArg, Only: c.Only,
		Kinds: c.Sales, OnStep: step}}
	r.Samples, err = realsale.Run(ctx, r.Options)
	finish()
	if err != nil {
		return err
	}
	r.Summaries = realsale.Summarise(r.Samples)
	if c.Base != "" {
		r.BaseIs = report.VersionOf(ctx, c.Base)
	}
	if err = publish(r, c.Out, "real.{txt,md,json}"); err != nil {
		return err
	}
	if r.Faulty() > 0 {
		return errFailed
	}
	return nil
}
