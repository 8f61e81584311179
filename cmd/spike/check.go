package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/redis/rueidis"

	"spike/bench/check"
	"spike/luascripts/ledger"
)

// CheckCmd is a smoke test of a running edge, or of the nginx in front of it.
type CheckCmd struct {
	storeFlag
	outputFlag
	Admin       string        `empty:"" placeholder:"ADDR" help:"${check_admin}"`
	URL         string        `default:"http://127.0.0.1:3005/buy/ticket" help:"The sale's address, at an edge or at nginx."`
	Requests    int64         `default:"1000" help:"How many buys to send. The units they win are really sold. 0: buy nothing."`
	Connections int           `default:"16" help:"How many keep-alive connections the buys share."`
	P99         time.Duration `name:"p99" placeholder:"100ms" help:"Fail if the 99th percentile of the latency is over this."`
	Buyers      bool          `help:"${check_buyers}"`
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
	all := checked{OK: true, Findings: []checkedFinding{}}
	err := c.run(ctx, &all, func(f check.Finding) {
		all.add(f)
		if !c.asJSON() { // then all are printed at the end
			fmt.Println(f)
		}
	})
	if err == nil && !all.OK {
		err = errFailed
	}
	all.OK = err == nil
	return errors.Join(c.print(all, func(io.Writer) error { return nil }), err)
}

// checked is what a check has found.
type checked struct {
	OK       bool             `json:"ok"` // nothing failed, and the check came to its end
	Findings []checkedFinding `json:"findings"`
}

type checkedFinding struct {
	Level string `json:"level"` // ok, warn or fail
	Text  string `json:"text"`
}

var levels = [...]string{check.Fine: "ok", check.Risky: "warn", check.Failed: "fail"}

func (all *checked) add(f check.Finding) {
	all.OK = all.OK && f.Level != check.Failed
	all.Findings = append(all.Findings, checkedFinding{levels[f.Level], f.Text})
}

// run reports what it finds. It ends early if the program is not ready.
func (c *CheckCmd) run(ctx context.Context, all *checked, report func(check.Finding)) error {
	if c.Admin != "" {
		f, err := check.Ready(ctx, c.Admin)
		if err != nil {
			return err
		}
		if report(f); c.Requests == 0 || !all.OK {
			return nil
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
	return check.Run(ctx, check.Options{URL: c.URL, Requests: c.Requests, Connections: c.Connections, P99: c.P99,
		Allow503: c.Allow503, Buyers: c.Buyers}, store, report)
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
