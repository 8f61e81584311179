package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"spike/luascripts/ledger"
)

// AuditCmd counts a sale.
type AuditCmd struct {
	saleArg
	JSON bool `help:"As JSON."`
}

// Run fails unless every unit is accounted for once.
func (c *AuditCmd) Run(ctx context.Context) error {
	return c.with(ctx, func(s ledger.Store) error {
		audit, err := s.Audit(ctx, c.Name)
		if err != nil {
			return err
		}
		return printAudit(audit, c.JSON)
	})
}

func printAudit(a ledger.Audit, asJSON bool) error {
	if asJSON {
		if err := json.NewEncoder(os.Stdout).Encode(a); err != nil {
			return err
		}
	} else {
		fmt.Printf("%s: total %d = free %d + leased %d + limbo %d + pending %d + confirmed %d\n", a.Sale, a.Total,
			a.Free, a.Leased, a.Limbo, a.Pending, a.Confirmed)
		for _, v := range a.Violations {
			fmt.Println("VIOLATION:", v)
		}
	}
	if !a.OK {
		return errFailed
	}
	switch {
	case asJSON:
	case a.Scanned:
		fmt.Println("ok: every unit is accounted for once")
	default:
		fmt.Println("ok by the ledger's own counts: the sale changed too fast to look at every owner")
	}
	return nil
}
