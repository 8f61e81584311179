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

// Help is the text of `spike sale reopen --help` beyond the flags.
func (*SaleReopenCmd) Help() string {
	return "From now on a sale waits for the replicas that are here now, and for no more than --replicas."
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
	whole := c.storeFlag
	whole.Replicas = nil
	return c.operate(ctx, func(s admin.Store) error {
		return whole.with(ctx, func(uncapped ledger.Store) error {
			done := reopened{Sales: []reopenedSale{}}
			err := c.reopen(ctx, reopener{s, uncapped}, &done)
			if !c.All && err != nil {
				return err
			}
			return errors.Join(c.print(done, func(w io.Writer) error { return done.text(w, c.All && err == nil, c.Grants) }), err)
		})
	})
}

// reopener is the store under --replicas, and the store without it. --replicas caps what a sale is shown to wait for. So a sale
// that waits may look well.
type reopener struct {
	admin.Store
	uncapped ledger.Store
}

// Show shows what the sale waits for. Without --replicas a follower counts that is no replica: so it is asked only of a sale that
// looks well, and believed only if a replica is missing.
func (r reopener) Show(ctx context.Context, name string) (ledger.ShowReply, error) {
	capped, err := r.Store.Show(ctx, name)
	if err != nil || capped.Lineup != "" {
		return capped, err
	}
	if all, err := r.uncapped.Show(ctx, name); err != nil || all.Lineup != "" {
		return all, err
	}
	return capped, nil
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

// reopenSale makes a sale wait for the replicas that are here now, and for at most --replicas. If a replica comes or goes before
// that is done, nothing is done.
func (c *SaleReopenCmd) reopenSale(ctx context.Context, s admin.Store, name string, done *reopened) error {
	before, err := s.Show(ctx, name)
	if err != nil {
		return err
	}
	q := admin.Reopening(before, c.Grants, 0)
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
func (r reopened) text(w io.Writer, all, grants bool) error {
	if all && len(r.Sales) == 0 {
		what := map[bool]string{false: "replicas", true: "replicas, or for the end of a recovery"}[grants]
		fmt.Fprintf(w, "no sale waits for %s\n", what)
	}
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
