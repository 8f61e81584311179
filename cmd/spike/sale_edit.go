package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"spike/luascripts/ledger"
)

// SaleEditCmd changes a sale.
type SaleEditCmd struct {
	changing
	Opens  *moment        `placeholder:"TIME" help:"When it opens, until it has opened: 2026-11-22T20:00:00+08:00, or +10m."`
	Closes *moment        `placeholder:"TIME" help:"When it closes, until it has closed: at least a lease (5s) from now."`
	Hold   *time.Duration `placeholder:"D" help:"How long a reservation waits for its payment, before the first sale."`
	Limit  *uint32        `name:"limit-per-buyer" placeholder:"K" help:"Units per buyer, before the first sale. 0: any."`
}

// Run changes what is given.
func (c *SaleEditCmd) Run(ctx context.Context) error {
	q, what := c.request()
	var invalid *ledger.Invalid
	switch err := q.Validate(time.Now()); {
	case what == "":
		return usagef("nothing is to change: give --opens, --closes, --hold or --limit-per-buyer")
	case errors.As(err, &invalid):
		return usagef("--%s: %s", strings.ReplaceAll(invalid.Field, "_", "-"), invalid.Why)
	}
	return c.with(ctx, func(s ledger.Store) error {
		if _, err := s.Edit(ctx, c.Name, q); err != nil {
			return err
		}
		noted(ctx, s, "edited", c.Name, what)
		return c.show(ctx, s, c.Name)
	})
}

// request is what is to change, also in words.
func (c *SaleEditCmd) request() (q ledger.EditRequest, what string) {
	var words []string
	if c.Opens != nil {
		q.Opens = &c.Opens.Time
		words = append(words, "opens "+c.Opens.Format(time.RFC3339))
	}
	if c.Closes != nil {
		q.Closes = &c.Closes.Time
		words = append(words, "closes "+c.Closes.Format(time.RFC3339))
	}
	if c.Hold != nil {
		q.Hold = c.Hold
		words = append(words, "hold "+c.Hold.String())
	}
	if c.Limit != nil {
		q.Limit = c.Limit
		words = append(words, fmt.Sprint("limit per buyer ", *c.Limit))
	}
	return q, strings.Join(words, ", ")
}
