package main

import (
	"context"

	"spike/luascripts/ledger"
)

// SaleMendCmd writes a sale's hash again.
type SaleMendCmd struct{ saleArg }

// Run writes the hash, and shows the sale.
func (c *SaleMendCmd) Run(ctx context.Context) error {
	return c.with(ctx, func(s ledger.Store) error {
		if _, err := s.Mend(ctx, c.Name); err != nil {
			return err
		}
		return show(ctx, s, c.Name, false)
	})
}
