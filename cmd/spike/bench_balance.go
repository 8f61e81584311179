package main

import (
	"context"

	"spike/bench/balance"
	"spike/bench/report"
)

// BenchBalanceCmd compares the ways in which nginx shares a crowd.
type BenchBalanceCmd struct {
	Out         string   `default:"bench/out/front" type:"path" placeholder:"DIR" help:"Folder for the results."`
	Rounds      int      `default:"4" help:"How many rounds of all ways, every second one backwards. Ratios are within a round."`
	Requests    int64    `default:"100000" help:"Requests of a turn. Each has a buyer of its own."`
	Connections int      `default:"256" help:"Connections. Each has a client address of its own."`
	Only        []string `sep:";" placeholder:"NAME" help:"${balance_only}"`
}

// Run compares, prints the tables and saves the report. It fails unless every request was answered, and counted by an edge.
func (c *BenchBalanceCmd) Run(ctx context.Context) error {
	binary, err := ownBinary()
	if err != nil {
		return err
	}
	step, finish := benchProgress()
	r := report.Balance{Machine: report.ThisMachine(ctx), Options: balance.Options{Binary: binary, Rounds: c.Rounds,
		Requests: c.Requests, Connections: c.Connections, Only: c.Only, OnStep: step}}
	r.Samples, err = balance.Run(ctx, r.Options)
	finish()
	if err != nil {
		return err
	}
	r.Summaries = balance.Summarise(r.Samples)
	if err = publish(r, c.Out, "balance.{txt,md,json,svg}"); err != nil {
		return err
	}
	if r.Faulty() > 0 {
		return errFailed
	}
	return nil
}
