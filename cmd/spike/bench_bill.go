package main

import (
	"context"
	"fmt"
	"os"

	"spike/bench/bill"
	"spike/bench/report"
)

// BenchBillCmd measures the CPU time of a whole spike.
type BenchBillCmd struct {
	Out         string   `default:"bench/out/front" type:"path" placeholder:"DIR" help:"Folder for the results."`
	Rounds      int      `default:"4" help:"How many rounds: A B C D, then D C B A, and so on. Ratios are within a round."`
	Requests    int64    `default:"1000000" help:"Requests of a turn. Each has a buyer of its own."`
	Units       int64    `default:"10000" help:"How many units to sell."`
	Connections int      `default:"256" help:"How many keep-alive connections the requests share."`
	Only        []string `placeholder:"NAME" help:"Designs (article, edges, gate, limited) to measure."`
}

// Run measures, prints the table and saves the report. It fails unless every unit was sold exactly once and every request was
// answered.
func (c *BenchBillCmd) Run(ctx context.Context) error {
	binary, err := ownBinary()
	if err != nil {
		return err
	}
	step, finish := benchProgress()
	r := report.Bill{Machine: report.ThisMachine(ctx), Options: bill.Options{Binary: binary, Rounds: c.Rounds, Requests: c.Requests,
		Units: c.Units, Connections: c.Connections, Only: c.Only, OnStep: step}}
	r.Samples, err = bill.Run(ctx, r.Options)
	finish()
	if err != nil {
		return err
	}
	r.Summaries, r.Ratios, r.Wrong = bill.Summarise(r.Samples), bill.Ratios(r.Samples), bill.Wrong(r.Samples)
	if err = publish(r, c.Out, "bill.{txt,md,json,svg}"); err != nil {
		return err
	}
	if len(r.Wrong) > 0 {
		return errFailed
	}
	return nil
}

// ownBinary returns the path of this program, which the servers are started from. It forgets this environment's settings.
func ownBinary() (string, error) {
	if err := forgetSettings(); err != nil {
		return "", err
	}
	binary, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("bench: %w", err)
	}
	return binary, nil
}
