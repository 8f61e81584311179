package main

import (
	"context"
	"errors"
	"fmt"

	"spike/edge/admin"
	"spike/luascripts/ledger"
)

// SaleReopenCmd lets sales go on after the store has lost replicas or history.
type SaleReopenCmd struct {
	storeFlag
	Name   string `arg:"" optional:"" help:"The sale."`
	All    bool   `env:"-" help:"Every sale of this Redis that waits for replicas, or, with --grants, that grants nothing."`
	Grants bool   `env:"-" help:"${grants}"`
	Yes    bool   `env:"-" help:"Do it. Without it, nothing is done."`
}

// Run reopens the sale or all sales, if --yes is given.
func (c *SaleReopenCmd) Run(ctx context.Context) error {
	switch {
	case (c.Name == "") != c.All:
		return fmt.Errorf("%w: give one NAME, or --all", errUsage)
	case !c.Yes:
		risk := "if this server and its present replicas are lost, the units that are sold from now on may be lost"
		if c.Grants {
			risk += ", and a unit may be sold again although a buyer has a token for it from the lost history"
		}
		return fmt.Errorf("%w: %s; to do it, give --yes", errUsage, risk)
	}
	return c.operate(ctx, func(s admin.Store) error {
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

// reopen makes a sale wait for as many replicas as follow now, and for no fewer than the operator says there are. If a replica
// comes or goes before that is done, nothing is done.
func (c *SaleReopenCmd) reopen(ctx context.Context, s admin.Store, name string) error {
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
		fmt.Printf("%s: waited for %d replicas, from now on waits for %d\n", name, shown.Replicas, head.Replicas)
	}
	if c.All {
		return nil
	}
	return show(ctx, s, name, false)
}
