package main

import (
	"context"
	"time"

	"spike/bench/gatecost"
	"spike/bench/report"
)

// BenchGateCmd measures what "sold out" costs at nginx.
type BenchGateCmd struct {
	Out         string        `default:"bench/out/front" type:"path" placeholder:"DIR" help:"Folder for the results."`
	Quads       int           `default:"5" help:"Rounds of flag, return, return, flag. The result is their median."`
	Duration    time.Duration `default:"2s" help:"Duration of one load by wrk, in whole seconds."`
	Connections int           `default:"64" help:"Connections of wrk."`
	Sales       []int         `default:"1,10000" help:"How many sales have a flag and are asked for, one number after the other."`
}

// Run measures, prints the table and saves the report.
func (c *BenchGateCmd) Run(ctx context.Context) (err error) {
	step, finish := benchProgress()
	r := report.GateCost{Machine: report.ThisMachine(ctx), Options: gatecost.Options{Quads: c.Quads, Duration: c.Duration,
		Connections: c.Connections, Sales: c.Sales, OnStep: step}}
	r.Samples, err = gatecost.Run(ctx, r.Options)
	finish()
	if err != nil {
		return err
	}
	r.Summaries = gatecost.Summarise(r.Samples)
	if err = publish(r, c.Out, "gate.{txt,md,json}"); err != nil {
		return err
	}
	if r.Faulty() > 0 {
		return errFailed
	}
	return nil
}
