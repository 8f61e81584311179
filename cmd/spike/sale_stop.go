package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"spike/edge/admin"
)

// stopping is a command that stops a sale and waits until no edge sells any more.
type stopping struct {
	saleArg
	outputFlag
	Wait time.Duration `default:"63s" help:"How long to wait until each lease is given back or has run out."`
}

// stopped is a sale that was stopped.
type stopped struct {
	admin.Description
	Settled bool `json:"settled"` // no edge sells any more
	Unsure  bool `json:"unsure"`  // edges may sell units that the store has forgotten
}

func (a stopping) stop(ctx context.Context, to string) error {
	return a.operate(ctx, func(s admin.Store) error {
		out, err := admin.Shut(ctx, s, a.Name, to, a.Wait)
		if err != nil {
			return err
		}
		end := stopped{admin.Describe(a.Name, out.ShowReply), out.Settled, !out.Settled && out.Sells > 0}
		if err := a.print(end, end.text); err != nil {
			return err
		}
		return verdict(end.Settled)
	})
}

// text prints the sale for people, and who may still sell.
func (s stopped) text(w io.Writer) error {
	if err := describe(w, s.Description); err != nil {
		return err
	}
	unknown := ""
	if s.Uncounted != nil {
		unknown = fmt.Sprintf("; until %s, an unknown number of units is promised besides, in history that the store has lost",
			s.Uncounted.Format(time.RFC3339))
	}
	switch {
	case s.Unsure:
		fmt.Fprintf(w, "not waited out: %d units are still on edges, and perhaps more that the store has forgotten%s\n",
			s.Leased, unknown)
	case !s.Settled:
		fmt.Fprintf(w, "not waited out: %d units are still on edges\n", s.Leased)
	default:
		fmt.Fprintf(w, "no edge sells; units that dead edges may have promised: %d%s\n", s.Outstanding, unknown)
	}
	return nil
}

// SalePauseCmd stops selling for now.
type SalePauseCmd struct{ stopping }

// Run pauses the sale.
func (c *SalePauseCmd) Run(ctx context.Context) error { return c.stop(ctx, "paused") }

// SaleCloseCmd stops selling for good.
type SaleCloseCmd struct {
	stopping
	confirmed
}

// Run closes the sale.
func (c *SaleCloseCmd) Run(ctx context.Context) error {
	if err := c.ask(ctx, c.Name, "Sale "+c.Name+" will be closed for good: it cannot be opened again."); err != nil {
		return err
	}
	return c.stop(ctx, "closed")
}
