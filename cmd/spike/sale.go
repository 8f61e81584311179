package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strings"
	"text/tabwriter"
	"time"

	"spike/edge/admin"
	"spike/luascripts/ledger"
)

// SaleCmd makes, shows and changes sales.
type SaleCmd struct {
	Create SaleCreateCmd `cmd:"" help:"Make a sale."`
	Show   SaleShowCmd   `cmd:"" help:"Show a sale."`
	List   SaleListCmd   `cmd:"" help:"List all sales."`
	Draw   SaleDrawCmd   `cmd:"" help:"Print who drew which lot, and check the draw."`
	Add    SaleAddCmd    `cmd:"" help:"Add units to a sale."`
	Pause  SalePauseCmd  `cmd:"" help:"Stop selling for now."`
	Resume SaleResumeCmd `cmd:"" help:"Go on selling."`
	Close  SaleCloseCmd  `cmd:"" help:"Stop selling for good."`
	Reopen SaleReopenCmd `cmd:"" help:"${reopen}"`
	Mend   SaleMendCmd   `cmd:"" help:"Write a sale's hash again from its ledger, if the hash was deleted or damaged."`
	Remove SaleRemoveCmd `cmd:"" help:"Delete a sale and everything about it."`
}

// saleArg names a sale in a store.
type saleArg struct {
	storeFlag
	Name string `arg:"" help:"The sale: its hash is NAME_hash_key."`
}

// with runs f on the store.
func (a storeFlag) with(ctx context.Context, f func(ledger.Store) error) error {
	store, err := a.dial(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	return f(store)
}

// operate runs f on the store, whose journal then has what f did.
func (a storeFlag) operate(ctx context.Context, f func(admin.Store) error) error {
	return a.with(ctx, func(s ledger.Store) error {
		return f(admin.Journaled{Store: s, Who: osUser(), From: "cli"})
	})
}

// osUser is who types the command, as the system knows; "": it does not.
func osUser() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

// SaleCreateCmd makes a sale.
type SaleCreateCmd struct {
	saleArg
	Total  uint64        `required:"" placeholder:"N" help:"Units, 1 to 4294967294."`
	Hold   time.Duration `default:"5m" help:"How long a reservation waits for its payment. 0: every sale is final."`
	Limit  uint32        `name:"limit-per-buyer" placeholder:"K" help:"Units per buyer, 1 to 100. Buyers must say who they are."`
	Opens  moment        `placeholder:"TIME" help:"When it opens: 2026-11-22T20:00:00+08:00, or +10m for ten minutes from now."`
	Closes moment        `placeholder:"TIME" help:"When it closes, in the same form as --opens."`

	Shuffle time.Duration `placeholder:"W" help:"${shuffle}"`
	Seed    string        `name:"shuffle-seed" env:"-" placeholder:"HEX" help:"${seed}"`
}

// Run makes the sale. It never changes a sale that exists.
func (c *SaleCreateCmd) Run(ctx context.Context) error {
	q := ledger.CreateRequest{Total: c.Total, Hold: c.Hold, Limit: c.Limit, Opens: c.Opens.Time, Closes: c.Closes.Time,
		Shuffle: c.Shuffle, Seed: c.Seed}
	var invalid *ledger.Invalid
	if errors.As(q.Validate(time.Now()), &invalid) {
		return fmt.Errorf("%w: --%s: %s", errUsage, strings.ReplaceAll(invalid.Field, "_", "-"), invalid.Why)
	}
	return c.operate(ctx, func(s admin.Store) error {
		if _, err := s.Create(ctx, c.Name, q); err != nil {
			return err
		}
		return show(ctx, s, c.Name, false)
	})
}

// SaleShowCmd shows a sale.
type SaleShowCmd struct {
	saleArg
	JSON bool `help:"As JSON."`
}

// Run shows the sale.
func (c *SaleShowCmd) Run(ctx context.Context) error {
	return c.with(ctx, func(s ledger.Store) error { return show(ctx, s, c.Name, c.JSON) })
}

func show(ctx context.Context, s ledger.News, name string, asJSON bool) error {
	reply, err := s.Show(ctx, name)
	if err != nil {
		return err
	}
	return describe(admin.Describe(name, reply), asJSON)
}

func describe(d admin.Description, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(os.Stdout).Encode(d)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "sale\t%s\nstate\t%s\ntotal\t%d\nfree\t%d\nleased\t%d\nlimbo\t%d\npending\t%d\nconfirmed\t%d\nhold\t%s\n",
		d.Sale, d.State, d.Total, d.Free, d.Leased, d.Limbo, d.Pending, d.Confirmed, d.Hold)
	if d.Limit > 0 {
		fmt.Fprintf(w, "limit per buyer\t%d\n", d.Limit)
	}
	if d.Opens != nil {
		fmt.Fprintf(w, "opens\t%s\n", d.Opens.Format(time.RFC3339))
	}
	if d.Closes != nil {
		fmt.Fprintf(w, "closes\t%s\n", d.Closes.Format(time.RFC3339))
	}
	if d.Lots != nil {
		describeLots(w, *d.Lots)
	}
	if d.Trouble != "" {
		fmt.Fprintf(w, "trouble\t%s\n", d.Trouble)
	}
	return w.Flush()
}

// SaleListCmd lists sales.
type SaleListCmd struct{ storeFlag }

// Run lists the sales, one a line.
func (c *SaleListCmd) Run(ctx context.Context) error {
	return c.with(ctx, func(s ledger.Store) error {
		names, err := s.Survey(ctx)
		for _, name := range names {
			fmt.Println(name)
		}
		return err
	})
}

// SaleAddCmd adds units.
type SaleAddCmd struct {
	saleArg
	N         uint64 `arg:"" help:"Units to add."`
	RequestID string `placeholder:"ID" help:"Units are added once for an id, however often it is sent."`
}

// Run adds the units.
func (c *SaleAddCmd) Run(ctx context.Context) error {
	if c.N == 0 || c.N > ledger.MaxSerial {
		return fmt.Errorf("%w: N is 1 to %d", errUsage, uint64(ledger.MaxSerial))
	}
	if c.RequestID == "" {
		c.RequestID = rand.Text()
	}
	err := c.change(ctx, ledger.ChangeRequest{Request: c.RequestID, Add: c.N})
	if errors.Is(err, ledger.ErrDown) {
		return fmt.Errorf("%w; the units may have been added or not: repeat the command with --request-id %s", err, c.RequestID)
	}
	return err
}

func (a saleArg) change(ctx context.Context, q ledger.ChangeRequest) error {
	return a.operate(ctx, func(s admin.Store) error {
		if _, err := s.Change(ctx, a.Name, q); err != nil {
			return err
		}
		return show(ctx, s, a.Name, false)
	})
}

// stopping is a command that stops a sale and waits until no edge sells any more.
type stopping struct {
	saleArg
	Wait time.Duration `default:"63s" help:"How long to wait until each lease is given back or has run out."`
}

func (a stopping) stop(ctx context.Context, to string) error {
	return a.operate(ctx, func(s admin.Store) error {
		out, err := admin.Shut(ctx, s, a.Name, to, a.Wait)
		if err != nil {
			return err
		}
		d := admin.Describe(a.Name, out.ShowReply)
		if err := describe(d, false); err != nil {
			return err
		}
		unknown := ""
		if d.Uncounted != nil {
			unknown = fmt.Sprintf("; until %s, an unknown number of units is promised besides, in history that the store has lost",
				d.Uncounted.Format(time.RFC3339))
		}
		switch {
		case !out.Settled && out.Sells > 0:
			fmt.Printf("not waited out: %d units are still on edges, and perhaps more that the store has forgotten%s\n",
				out.Leased, unknown)
			return errFailed
		case !out.Settled:
			fmt.Printf("not waited out: %d units are still on edges\n", out.Leased)
			return errFailed
		}
		fmt.Printf("no edge sells; units that dead edges may have promised: %d%s\n", out.Leased+out.Limbo, unknown)
		return nil
	})
}

// SalePauseCmd stops selling for now.
type SalePauseCmd struct{ stopping }

// Run pauses the sale.
func (c *SalePauseCmd) Run(ctx context.Context) error { return c.stop(ctx, "paused") }

// SaleResumeCmd goes on selling.
type SaleResumeCmd struct{ saleArg }

// Run resumes the sale.
func (c *SaleResumeCmd) Run(ctx context.Context) error {
	return c.change(ctx, ledger.ChangeRequest{To: "open"})
}

// SaleCloseCmd stops selling for good.
type SaleCloseCmd struct{ stopping }

// Run closes the sale.
func (c *SaleCloseCmd) Run(ctx context.Context) error { return c.stop(ctx, "closed") }

// SaleRemoveCmd deletes a sale.
type SaleRemoveCmd struct {
	saleArg
	Yes bool `env:"-" help:"Do it. Without it, nothing is done."`
}

// Run deletes the sale, if --yes is given.
func (c *SaleRemoveCmd) Run(ctx context.Context) error {
	if !c.Yes {
		return fmt.Errorf("%w: this forgets who owns which units; to do it, give --yes", errUsage)
	}
	return c.operate(ctx, func(s admin.Store) error { return s.Remove(ctx, c.Name) })
}
