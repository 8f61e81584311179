package main

import (
	"context"
	"fmt"
	"io"

	"spike/luascripts/ledger"
)

// AuditCmd counts a sale.
type AuditCmd struct {
	saleArg
	outputFlag
}

// Run fails unless every unit is accounted for once.
func (c *AuditCmd) Run(ctx context.Context) error {
	return c.with(ctx, func(s ledger.Store) error {
		audit, err := s.Audit(ctx, c.Name)
		if err != nil {
			return err
		}
		if err := c.print(audit, func(w io.Writer) error { return auditText(w, audit) }); err != nil {
			return err
		}
		return verdict(audit.OK)
	})
}

// auditText prints an audit for people.
func auditText(w io.Writer, a ledger.Audit) error {
	fmt.Fprintf(w, "%s: total %d = free %d + leased %d + limbo %d + pending %d + confirmed %d\n", a.Sale, a.Total,
		a.Free, a.Leased, a.Limbo, a.Pending, a.Confirmed)
	for _, v := range a.Violations {
		fmt.Fprintln(w, "VIOLATION:", v)
	}
	switch {
	case !a.OK:
	case a.Scanned:
		fmt.Fprintln(w, "ok: every unit is accounted for once")
	default:
		fmt.Fprintln(w, "ok by the ledger's own counts: the sale changed too fast to look at every owner")
	}
	return nil
}
