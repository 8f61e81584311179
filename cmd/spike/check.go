package main

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"spike/bench/check"
	"spike/luascripts/ledger"
)

// CheckCmd is a smoke test of a running edge, or of the nginx in front of it.
type CheckCmd struct {
	storeFlag
	Admin       string        `empty:"" placeholder:"ADDR" help:"${check_admin}"`
	URL         string        `default:"http://127.0.0.1:3005/buy/ticket" help:"The sale's address, at an edge or at nginx."`
	Requests    int64         `default:"1000" help:"How many buys to send. The units they win are really sold. 0: buy nothing."`
	Connections int           `default:"16" help:"How many keep-alive connections the buys share."`
	P99         time.Duration `name:"p99" placeholder:"100ms" help:"Fail if the 99th percentile of the latency is over this."`
	Allow503    bool          `name:"allow-503" help:"Only warn of answers that were undecided."`
}

// Help is the text of `spike check --help` beyond the flags.
func (*CheckCmd) Help() string {
	return "It really buys. It fails if a request fails or its status is not 200, if a serial is given twice, if a win has no " +
		"token, or if the p99 is over --p99. With --admin and --requests 0 it only asks whether the " +
		"program is ready. With --redis it also fails if the sale's audit does not pass, if Redis is too old " +
		"or if its clock is far off."
}

// Run prints a line for each finding. It fails if a finding is a failure.
func (c *CheckCmd) Run(ctx context.Context) error {
	passed := true
	report := func(f check.Finding) {
		fmt.Println(f)
		passed = passed && f.Level != check.Failed
	}
	if c.Admin != "" {
		f, err := check.Ready(ctx, c.Admin)
		if err != nil {
			return err
		}
		if report(f); c.Requests == 0 || !passed {
			return verdict(passed)
		}
	}
	var store ledger.Store
	if c.Redis != "" {
		var err error
		if store, err = c.dial(ctx); err != nil {
			return err
		}
		defer store.Close()
		if err = c.preflight(ctx, report); err != nil {
			return err
		}
	}
	if err := check.Run(ctx, check.Options{URL: c.URL, Requests: c.Requests, Connections: c.Connections, P99: c.P99,
		Allow503: c.Allow503}, store, report); err != nil {
		return err
	}
	return verdict(passed)
}

func verdict(passed bool) error {
	if !passed {
		return errFailed
	}
	return nil
}

func (c *CheckCmd) preflight(ctx context.Context, report func(check.Finding)) error {
	options, err := c.options()
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
		report(f)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ledger.ErrDown, err)
	}
	return nil
}
