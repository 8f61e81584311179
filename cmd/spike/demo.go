package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"spike/bench"
	"spike/bench/demo"
)

// DemoCmd plays the whole article on this machine.
type DemoCmd struct {
	Requests    int64  `default:"1000000" help:"How many requests to send. Each has a buyer of its own."`
	Units       int64  `default:"10000" help:"How many units to sell."`
	Connections int    `default:"256" help:"How many keep-alive connections the requests share."`
	BasePort    int    `default:"3001" help:"The four edges listen on 127.0.0.1, on this port and the next three."`
	Listen      string `placeholder:"ADDR" help:"Where nginx listens. Default: 127.0.0.1:8080, or a free port if that is busy."`
	Out         string `type:"path" placeholder:"DIR" help:"Keep the report and all logs here. Default: only after a failure."`
}

// Run plays the demo and prints the report. It fails unless every unit was sold exactly once and every request was answered.
func (c *DemoCmd) Run(ctx context.Context) error {
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	o := demo.Options{Binary: binary, Requests: c.Requests, Units: c.Units, Connections: c.Connections,
		BasePort: c.BasePort, Listen: c.Listen, Out: c.Out}
	finish := demoProgress(&o)
	account, err := demo.Run(ctx, o)
	finish()
	if err != nil {
		return err
	}
	if err = account.Text(os.Stdout); err != nil {
		return err
	}
	return verdict(account.Passed())
}

// demoProgress shows on standard error how far a demo is: by a bar on a terminal, else by a line every second.
func demoProgress(o *demo.Options) (finish func()) {
	o.OnStep = func(what string) { fmt.Fprintln(os.Stderr, "spike:", what) }
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		o.ProgressEvery = time.Second
		o.OnProgress = func(p demo.Progress) {
			fmt.Fprintf(os.Stderr, "%s of %s requests, %s/s, %s sold\n", bench.Number(p.Done), bench.Number(p.Requests),
				bench.Number(int64(p.PerSecond)), bench.Number(p.Sold))
		}
		return func() {}
	}
	bar := progressbar.NewOptions64(o.Requests, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(false), progressbar.OptionSetWidth(20))
	o.ProgressEvery = 100 * time.Millisecond
	o.OnProgress = func(p demo.Progress) {
		bar.Describe(fmt.Sprintf("%s requests, %s/s, %s sold", bench.Number(p.Done), bench.Number(int64(p.PerSecond)),
			bench.Number(p.Sold)))
		_ = bar.Set64(p.Done)
	}
	return func() { _ = bar.Finish() }
}
