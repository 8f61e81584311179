package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"spike/edge/sales"
	"spike/luascripts/ledger"
)

// describeLots prints a sale's draw for people.
func describeLots(w io.Writer, l sales.Lots) {
	when := map[bool]string{false: "lots are drawn at", true: "lots drawn"}[l.Drawn]
	fmt.Fprintf(w, "%s\t%s\nseed's sha256\t%s\n", when, l.DrawsAt.Format(time.RFC3339Nano), l.Seal)
	if l.Seed != "" {
		fmt.Fprintf(w, "seed\t%s\n", l.Seed)
	}
	if l.Drawn {
		fmt.Fprintf(w, "entrants\t%d\nwinners\t%d\nkept for winners\t%d\n", l.Entrants, l.Winners, l.Kept)
	}
}

// SaleDrawCmd prints the permutation by which lots were drawn.
type SaleDrawCmd struct {
	saleArg
	outputFlag
}

// drawn is a draw and the faults that were found in it.
type drawn struct {
	Sale       string   `json:"sale"`
	Birth      uint64   `json:"birth"`
	Seal       string   `json:"seed_sha256"`
	Seed       string   `json:"seed,omitempty"`
	Winners    uint64   `json:"winners"`
	Entrants   []lot    `json:"entrants"` // in the order of their lots
	OK         bool     `json:"ok"`
	Violations []string `json:"violations"`
}

// lot is an entrant's lot. A buyer is the first 8 bytes of the SHA-256 of its id, in hex.
type lot struct {
	Buyer string `json:"buyer"`
	Lot   string `json:"lot"`
	Won   bool   `json:"won"`
}

// Run fails unless the order follows from the seed, and the seed is the one that was sealed.
func (c *SaleDrawCmd) Run(ctx context.Context) error {
	return c.with(ctx, func(s ledger.Store) error {
		if _, err := s.Expire(ctx, c.Name, 1); err != nil { // a sweep draws a due draw, so this works without a living edge
			return err
		}
		d, err := readDraw(ctx, s, c.Name)
		if err != nil {
			return err
		}
		if err := c.print(d, d.list); err != nil {
			return err
		}
		return verdict(d.OK)
	})
}

// drawSlice is how many entrants are asked for at once.
const drawSlice = 1000

func readDraw(ctx context.Context, s ledger.Draws, sale string) (drawn, error) {
	d := drawn{Sale: sale, Entrants: []lot{}, Violations: []string{}}
	last := int64(-1)
	for {
		part, err := s.Draw(ctx, sale, len(d.Entrants), drawSlice)
		switch {
		case err != nil:
			return d, err
		case part.Secret.Seal == "":
			return d, usagef("this sale has no draw")
		case part.Secret.Seed == "":
			return d, fmt.Errorf("%w: lots are drawn at %s, and shown a second later", errTooSoon,
				time.UnixMicro(part.DrawsAt()).UTC().Format(time.RFC3339Nano))
		}
		d.Birth, d.Seal, d.Seed, d.Winners = part.Birth, part.Secret.Seal, part.Secret.Seed, part.Lots.Winners
		for _, b := range part.Buyers {
			last = d.add(b, last)
		}
		if len(part.Buyers) < drawSlice {
			d.check(part.Lots)
			return d, nil
		}
	}
}

// errTooSoon means that the draw is still to come.
var errTooSoon = errors.New("not drawn yet")

// add computes an entrant's lot again and returns it. The lot must not be lower than the lot before it.
func (d *drawn) add(b ledger.Buyer, last int64) int64 {
	n := ledger.Lot(d.Seed, d.Birth, b)
	if n < last {
		d.Violations = append(d.Violations, fmt.Sprintf("entrant %d is not in the order of lots", len(d.Entrants)+1))
	}
	d.Entrants = append(d.Entrants, lot{hex.EncodeToString(b[:]), fmt.Sprintf("%013x", n), uint64(len(d.Entrants)) < d.Winners})
	return n
}

func (d *drawn) check(l ledger.Lots) {
	if ledger.Seal(d.Seed) != d.Seal {
		d.Violations = append(d.Violations, "the seed is not the one that was sealed")
	}
	if uint64(len(d.Entrants)) != l.Entrants {
		d.Violations = append(d.Violations, fmt.Sprintf("%d entrants now, %d when lots were drawn", len(d.Entrants), l.Entrants))
	}
	d.OK = len(d.Violations) == 0
}

func (d *drawn) list(w io.Writer) error {
	fmt.Fprintf(w, "seed %s\nsha256 %s\nlot = first 13 hex digits of the sha1 of \"SEED:%d:BUYER\", BUYER as 8 bytes\n",
		d.Seed, d.Seal, d.Birth)
	for i, e := range d.Entrants {
		won := ""
		if e.Won {
			won = " won"
		}
		fmt.Fprintf(w, "%d %s %s%s\n", i+1, e.Buyer, e.Lot, won)
	}
	for _, v := range d.Violations {
		fmt.Fprintln(w, "VIOLATION:", v)
	}
	if d.OK {
		fmt.Fprintf(w, "ok: %d entrants, %d winners, in the order of the sealed seed\n", len(d.Entrants), d.Winners)
	}
	return nil
}
