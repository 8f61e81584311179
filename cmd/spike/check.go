package main

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"spike/bench/check"
	"spike/luascripts/ledger"
)

// CheckCmd is a smoke test of a running edge, or of the nginx before it.
type CheckCmd struct {
	storeFlag
	URL         string        `default:"http://127.0.0.1:3005/buy/ticket" help:"The sale's address, at an edge or at nginx."`
	Requests    int64         `default:"1000" help:"Buys. They are real: what they win is sold. 0: buy nothing, only look at what is there."`
	Connections int           `default:"16" help:"Keep-alive connections."`
	P99         time.Duration `name:"p99" placeholder:"100ms" help:"Fail if the 99th percentile of the latency is over this."`
	Allow503    bool          `name:"allow-503" help:"Only warn of answers that were undecided."`
}

// Help is what `spike check --help` says beyond the flags.
func (*CheckCmd) Help() string {
	return "It really buys. It fails on transport errors, on a status other than 200, on a serial given twice, on a win " +
		"without a token, on a p99 over --p99; with --redis also if the sale's audit does not pass or Redis is too old " +
		"or its clock far off."
}

// Run prints a line for each finding; it fails if one of them does.
func (c *CheckCmd) Run(ctx context.Context) error {
	passed := true
	say := func(f check.Finding) {
		fmt.Println(f)
		passed = passed && f.Level != check.Failed
	}
	var store ledger.Store
	if c.Redis != "" {
		var err error
		if store, err = c.dial(ctx); err != nil {
			return err
		}
		defer store.Close()
		if err = c.preflight(ctx, say); err != nil {
			return err
		}
	}
	if err := check.Run(ctx, check.Options{URL: c.URL, Requests: c.Requests, Connections: c.Connections, P99: c.P99,
		Allow503: c.Allow503}, store, say); err != nil {
		return err
	}
	if !passed {
		return errFailed
	}
	return nil
}

func (c *CheckCmd) preflight(ctx context.Context, say func(check.Finding)) error {
	options, err := redisOptions(c.Redis)
	if err != nil {
		return err
	}
	options.DisableCache = true
	client, err := rueidis.NewClient(options)
	if err != nil {
		return fmt.Errorf("%w: %w", ledger.ErrDown, err)
	}
	defer client.Close()
	found, err := check.Preflight(ctx, client)
	for _, f := range found {
		say(f)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ledger.ErrDown, err)
	}
	return nil
}
