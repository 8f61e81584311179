package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"spike/edge/admin"
	"spike/luascripts/ledger"
)

// SaleReopenCmd lets sales go on after the store has lost replicas or history.
type SaleReopenCmd struct {
	storeFlag
	outputFlag
	confirmed
	Name   string `arg:"" optional:"" help:"The sale."`
	All    bool   `help:"Every sale of this Redis that waits for replicas, or, with --grants, that grants nothing."`
	Grants bool   `help:"${grants}"`
}

// Validate refuses a name that no sale can have.
func (c *SaleReopenCmd) Validate() error {
	if (c.Name == "") != c.All {
		return usagef("give one NAME, or --all")
	}
	if c.All {
		return nil
	}
	return ledger.CheckName(c.Name)
}

// reopened is what a command has reopened.
type reopened struct {
	Sales []reopenedSale `json:"sales"`
}

type reopenedSale struct {
	shown
	Waited uint64 `json:"waited_for_replicas"` // before
	Waits  uint64 `json:"waits_for_replicas"`  // from now on
}

// Run reopens the sale or all sales, if --yes is given or the name is typed.
func (c *SaleReopenCmd) Run(ctx context.Context) error {
	what, risk := c.Name, "If this server and its present replicas are lost, the units that are sold from now on may be lost"
	if c.All {
		what = "all"
	}
	if c.Grants {
		risk += ", and a unit may be sold again although a buyer has a token for it from the lost history"
	}
	if err := c.must(ctx, what, risk+"."); err != nil {
		return err
	}
	return c.operate(ctx, func(s admin.Store) error {
		done := reopened{Sales: []reopenedSale{}}
		err := c.reopen(ctx, s, &done)
		if !c.All && err != nil {
			return err
		}
		return errors.Join(c.print(done, func(w io.Writer) error { return done.text(w, c.All) }), err)
	})
}

// reopen reopens the sale or all sales. It goes on after a sale that fails.
func (c *SaleReopenCmd) reopen(ctx context.Context, s admin.Store, done *reopened) error {
	if !c.All {
		return c.reopenSale(ctx, s, c.Name, done)
	}
	names, err := s.List(ctx)
	for _, name := range names {
		if e := c.reopenSale(ctx, s, name, done); e != nil && !errors.Is(e, ledger.ErrNoSale) {
			err = errors.Join(err, fmt.Errorf("sale %s: %w", name, e))
		}
	}
	return err
}

// reopenSale makes a sale wait for as many replicas as follow now, and for no fewer than the operator says there are. If a
// replica comes or goes before that is done, nothing is done.
func (c *SaleReopenCmd) reopenSale(ctx context.Context, s admin.Store, name string, done *reopened) error {
	before, err := s.Show(ctx, name)
	if err != nil {
		return err
	}
	var least uint64
	if c.Replicas != nil {
		least = *c.Replicas
	}
	q := admin.Reopening(before, c.Grants, least)
	if c.All && q.Lineup == "" && (!q.Grants || before.Reopens == 0) {
		return nil
	}
	head, err := s.Reopen(ctx, name, q)
	if err != nil {
		return err
	}
	now, err := lookAt(ctx, s, name)
	done.Sales = append(done.Sales, reopenedSale{now, before.Replicas, head.Replicas})
	return err
}

// text prints the sales whose replicas have changed; of one sale, the sale too.
func (r reopened) text(w io.Writer, all bool) error {
	for _, s := range r.Sales {
		if s.Waited != s.Waits {
			fmt.Fprintf(w, "%s: waited for %d replicas, from now on waits for %d\n", s.Sale, s.Waited, s.Waits)
		}
		if all {
			continue
		}
		if err := s.text(w); err != nil {
			return err
		}
	}
	return nil
}
