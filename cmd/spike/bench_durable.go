package main

import (
	"context"
	"time"

	"spike/bench/durable"
	"spike/bench/report"
)

// BenchDurableCmd measures sales whose buyers hear of them when they are durable.
type BenchDurableCmd struct {
	Out         string        `default:"bench/out/durable" type:"path" placeholder:"DIR" help:"Folder for the results."`
	Rounds      int           `default:"3" help:"How many rounds: A B C D, then D C B A. Ratios are within a round."`
	Duration    time.Duration `default:"3s" help:"How long one load lasts."`
	Connections int           `default:"256" help:"Connections of the crowd."`
	EdgeArg     []string      `placeholder:"ARG" help:"A further argument of every edge. May be repeated."`
	Only        []string      `sep:";" placeholder:"NAME" help:"${durable_only}"`
}

// Run measures, prints the table and saves the report. It fails unless every buyer won, and the store has every win.
func (c *BenchDurableCmd) Run(ctx context.Context) error {
	binary, err := ownBinary()
	if err != nil {
		return err
	}
	step, finish := benchProgress()
	r := report.Durable{Machine: report.ThisMachine(ctx), Options: durable.Options{Binary: binary, Rounds: c.Rounds,
		Duration: c.Duration, Connections: c.Connections, EdgeArgs: c.EdgeArg, Only: c.Only, OnStep: step}}
	r.Samples, err = durable.Run(ctx, r.Options)
	finish()
	if err != nil {
		return err
	}
	r.Summaries = durable.Summarise(r.Samples)
	if err = publish(r, c.Out, "durable.{txt,md,json}"); err != nil {
		return err
	}
	if r.Faulty() > 0 {
		return errFailed
	}
	return nil
}
