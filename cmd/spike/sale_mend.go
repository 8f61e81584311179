package main

import (
	"context"

	"spike/edge/admin"
)

// SaleMendCmd writes a sale's hash again.
type SaleMendCmd struct{ changing }

// Run writes the hash, and shows the sale.
func (c *SaleMendCmd) Run(ctx context.Context) error {
	return c.operate(ctx, func(s admin.Store) error {
		if _, err := s.Mend(ctx, c.Name); err != nil {
			return err
		}
		return c.show(ctx, s, c.Name)
	})
}
