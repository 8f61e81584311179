package main

import (
	"context"
	"time"

	"spike/bench/report"
	"spike/bench/strategies"
)

// BenchStrategiesCmd measures three sequences of order, payment and deduction.
type BenchStrategiesCmd struct {
	Measure BenchStrategiesMeasureCmd `cmd:"" default:"withargs" help:"Measure all three (default)."`
	Server  BenchStrategiesServerCmd  `cmd:"" hidden:"" help:"Run the server of one that uses only the database."`
}

// BenchStrategiesMeasureCmd measures the three strategies beside each other.
type BenchStrategiesMeasureCmd struct {
	Out         string        `default:"bench/out/strategies" type:"path" placeholder:"DIR" help:"Folder for the results."`
	Rounds      int           `default:"6" help:"How many rounds: A B C, then C B A, and so on. The result is their median."`
	Units       int64         `default:"2000" help:"Units of the sale."`
	Buyers      int64         `default:"20000" help:"Buyers of the first wave. Each sends one request."`
	Late        int64         `default:"2000" help:"Buyers of the second wave, after the hold. 0: none."`
	Connections int           `default:"64" help:"Connections of the crowd."`
	Pool        int           `default:"24" help:"Connections of a server to PostgreSQL."`
	NeverPay    int           `default:"30" placeholder:"PERCENT" help:"How many of the winners never pay."`
	Hold        time.Duration `default:"2s" help:"Hold of a reservation."`
	Settle      time.Duration `default:"3s" help:"How long to wait after the hold, before counting."`
	Seed        uint64        `default:"1" help:"Seed that decides who pays, and when."`
	Only        []string      `placeholder:"NAME" help:"Strategies (order-then-deduct, pay-then-deduct, pre-deduct) to measure."`
}

// Run measures, prints the table and saves the report.
func (c *BenchStrategiesMeasureCmd) Run(ctx context.Context) error {
	binary, err := ownBinary()
	if err != nil {
		return err
	}
	step, finish := benchProgress()
	r := report.Strategies{Machine: report.ThisMachine(ctx), Options: strategies.Options{Binary: binary, Only: c.Only,
		Rounds: c.Rounds, Units: c.Units, Buyers: c.Buyers, Late: c.Late, Connections: c.Connections, Pool: c.Pool,
		NeverPay: c.NeverPay, Hold: c.Hold, Settle: c.Settle, Seed: c.Seed, OnStep: step}}
	r.Samples, err = strategies.Run(ctx, r.Options)
	finish()
	if err != nil {
		return err
	}
	r.Summaries = strategies.Summarise(r.Samples)
	return publish(r, c.Out, "strategies.{txt,md,json,svg}")
}

// BenchStrategiesServerCmd runs the server of a strategy. The harness starts it as a process.
type BenchStrategiesServerCmd struct {
	Name   string `arg:"" enum:"order-then-deduct,pay-then-deduct,grouped"`
	Listen string `required:"" placeholder:"ADDR"`
	DB     string `required:"" env:"SPIKE_DB" placeholder:"postgres://..." help:"It has a password in it, so SPIKE_DB is safer."`
	Pool   int    `default:"24"`
}

// Run serves until the context ends.
func (c *BenchStrategiesServerCmd) Run(ctx context.Context) error {
	return strategies.Serve(ctx, c.Name, strategies.ServerOptions{Listen: c.Listen, DB: c.DB, Pool: c.Pool})
}
