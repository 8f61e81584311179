package main

import (
	"context"
	"errors"
	"fmt"

	"spike/luascripts/ledger"
)

// SaleReopenCmd is the operator's word on a store that has lost replicas or history.
type SaleReopenCmd struct {
	storeFlag
	Name   string `arg:"" optional:"" help:"The sale."`
	All    bool   `env:"-" help:"Every sale of this Redis that waits for replicas, or, with --grants, that grants nothing."`
	Grants bool   `env:"-" help:"Grant units at once. Whoever won in the history that was lost, and still holds a token, may find the unit sold again."`
	Yes    bool   `env:"-" help:"Really."`
}

// Run reopens it, if really.
func (c *SaleReopenCmd) Run(ctx context.Context) error {
	switch {
	case (c.Name == "") != c.All:
		return fmt.Errorf("%w: one NAME, or --all", errUsage)
	case !c.Yes:
		risk := "what is sold from now on may be lost with this server and the replicas that are here now"
		if c.Grants {
			risk += ", and units are sold again whose winners hold tokens of the history that was lost"
		}
		return fmt.Errorf("%w: %s; say --yes", errUsage, risk)
	}
	return c.with(ctx, func(s ledger.Store) error {
		if !c.All {
			return c.reopen(ctx, s, c.Name)
		}
		names, err := s.List(ctx)
		for _, name := range names {
			if e := c.reopen(ctx, s, name); e != nil && !errors.Is(e, ledger.ErrNoSale) {
				err = errors.Join(err, fmt.Errorf("sale %s: %w", name, e))
			}
		}
		return err
	})
}

// reopen sets how many replicas are waited for to those that are here as it looks, and no fewer than the operator says there
// are. If one comes or goes before that is done, nothing is done.
func (c *SaleReopenCmd) reopen(ctx context.Context, s ledger.Store, name string) error {
	shown, err := s.Show(ctx, name)
	if err != nil {
		return err
	}
	q := ledger.ReopenRequest{Era: shown.Era, Lineup: shown.Lineup, Grants: c.Grants}
	if c.All && q.Lineup == "" && (!q.Grants || shown.Reopens == 0) {
		return nil
	}
	if c.Replicas != nil && q.Lineup != "" {
		q.Least = *c.Replicas
	}
	head, err := s.Reopen(ctx, name, q)
	if err != nil {
		return err
	}
	if shown.Replicas != head.Replicas {
		fmt.Printf("%s: %d replicas were waited for, from now on %d\n", name, shown.Replicas, head.Replicas)
	}
	if c.All {
		return nil
	}
	return show(ctx, s, name, false)
}
