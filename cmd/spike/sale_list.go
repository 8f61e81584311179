package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"spike/edge/admin"
	"spike/luascripts/ledger"
)

// SaleListCmd lists sales.
type SaleListCmd struct {
	storeFlag
	outputFlag
	Names bool `help:"Print the names only, one a line, for a script."`
}

// listed is all sales.
type listed struct {
	Sales []listedSale `json:"sales"`
}

// listedSale is one of them.
type listedSale struct {
	admin.Item
	Sold uint64 `json:"sold"` // units that buyers own
	Left uint64 `json:"left"` // units that nobody owns
}

// Run lists the sales by name.
func (c *SaleListCmd) Run(ctx context.Context) error {
	return c.with(ctx, func(s ledger.Store) error {
		names, err := s.Survey(ctx)
		switch {
		case err != nil:
			return err
		case c.Names && !c.asJSON():
			for _, name := range names {
				fmt.Println(name)
			}
			return nil
		}
		all := listed{Sales: []listedSale{}}
		for page := range slices.Chunk(names, listPage) {
			if err := all.add(ctx, s, page); err != nil {
				return err
			}
		}
		return c.print(all, all.text)
	})
}

// listPage is how many sales are looked at together.
const listPage = 500

// add looks at sales. A sale that is gone meanwhile is not listed.
func (l *listed) add(ctx context.Context, s ledger.News, names []string) error {
	items, err := admin.LookAt(ctx, s, names)
	for _, item := range items {
		one := listedSale{Item: item}
		if d := item.Description; d != nil {
			one.Sold, one.Left = d.Pending+d.Confirmed, d.Free+d.Leased+d.Limbo
		}
		if item.Sale != "" {
			l.Sales = append(l.Sales, one)
		}
	}
	return err
}

func (l *listed) text(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SALE\tSTATE\tTOTAL\tSOLD\tLEFT")
	for _, s := range l.Sales {
		if s.Description == nil {
			fmt.Fprintf(w, "%s\twrong: %s\t-\t-\t-\n", s.Sale, s.Trouble)
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\n", s.Sale, s.State, s.Total, s.Sold, s.Left)
	}
	return w.Flush()
}
