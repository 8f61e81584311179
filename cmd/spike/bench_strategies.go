package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"spike/bench/report"
	"spike/bench/strategies"
)

// BenchStrategiesCmd measures the order of order, payment and deduction.
type BenchStrategiesCmd struct {
	Measure BenchStrategiesMeasureCmd `cmd:"" default:"withargs" help:"Measure all three (default)."`
	Server  BenchStrategiesServerCmd  `cmd:"" hidden:"" help:"Be the server of one of the two that live in the database."`
}

// BenchStrategiesMeasureCmd is the three of them beside each other.
type BenchStrategiesMeasureCmd struct {
	Out         string        `default:"bench/out/strategies" type:"path" placeholder:"DIR" help:"Folder for the results."`
	Rounds      int           `default:"6" help:"A B C, then C B A, and so on; the result is their median."`
	Units       int64         `default:"2000" help:"Of the sale."`
	Buyers      int64         `default:"20000" help:"Of the rush, each with one request."`
	Late        int64         `default:"2000" help:"Buyers of the second wave, after the hold; 0: none."`
	Connections int           `default:"64" help:"Of the crowd."`
	Pool        int           `default:"24" help:"Connections of a server to PostgreSQL."`
	NeverPay    int           `default:"30" placeholder:"PERCENT" help:"Of those who won."`
	Hold        time.Duration `default:"2s" help:"Of a reservation."`
	Settle      time.Duration `default:"3s" help:"After the hold, before counting."`
	Seed        uint64        `default:"1" help:"Of who pays, and when."`
	Only        []string      `placeholder:"NAME" help:"Strategies (order-then-deduct, pay-then-deduct, pre-deduct) to measure."`
}

// Run measures, prints the table and saves the report.
func (c *BenchStrategiesMeasureCmd) Run(ctx context.Context) error {
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	step, finish := benchProgress()
	r := report.Strategies{Machine: report.ThisMachine(ctx), Options: strategies.Options{Binary: binary, Only: c.Only, Rounds: c.Rounds,
		Units: c.Units, Buyers: c.Buyers, Late: c.Late, Connections: c.Connections, Pool: c.Pool, NeverPay: c.NeverPay,
		Hold: c.Hold, Settle: c.Settle, Seed: c.Seed, OnStep: step}}
	r.Samples, err = strategies.Run(ctx, r.Options)
	finish()
	if err != nil {
		return err
	}
	r.Summaries = strategies.Summarise(r.Samples)
	if err = r.Save(c.Out); err != nil {
		return err
	}
	if err = r.Text(os.Stdout); err != nil {
		return err
	}
	fmt.Printf("\nsaved: %s\n", filepath.Join(c.Out, "strategies.{txt,md,json,svg}"))
	return nil
}

// BenchStrategiesServerCmd is how the harness starts a server as a process of its own.
type BenchStrategiesServerCmd struct {
	Name   string `arg:"" enum:"order-then-deduct,pay-then-deduct"`
	Listen string `required:"" placeholder:"ADDR"`
	DB     string `required:"" placeholder:"postgres://..." help:"Rather as SPIKE_DB: there is a password in it."`
	Pool   int    `default:"24"`
}

// Run serves until the context ends.
func (c *BenchStrategiesServerCmd) Run(ctx context.Context) error {
	return strategies.Serve(ctx, c.Name, strategies.ServerOptions{Listen: c.Listen, DB: c.DB, Pool: c.Pool})
}
