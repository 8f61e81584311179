package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
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
	Edit   SaleEditCmd   `cmd:"" help:"Change when a sale opens and closes, and before its first sale its hold and its limit."`
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

// Validate refuses a name that no sale can have, before anybody is asked.
func (a saleArg) Validate() error { return ledger.CheckName(a.Name) }

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
	outputFlag
	Total  uint64        `required:"" placeholder:"N" help:"Units, 1 to 4294967294."`
	Hold   time.Duration `default:"5m" help:"How long a reservation waits for its payment. 0: every sale is final."`
	Limit  uint32        `name:"limit-per-buyer" placeholder:"K" help:"Units per buyer, 1 to 100. Buyers must say who they are."`
	Opens  moment        `placeholder:"TIME" help:"When it opens: 2026-11-22T20:00:00+08:00, or +10m for ten minutes from now."`
	Closes moment        `placeholder:"TIME" help:"When it closes, in the same form as --opens."`

	Shuffle time.Duration `placeholder:"W" help:"${shuffle}"`
	Seed    string        `name:"shuffle-seed" placeholder:"HEX" help:"${seed}"`
}

// Run makes the sale. It never changes a sale that exists.
func (c *SaleCreateCmd) Run(ctx context.Context) error {
	q := ledger.CreateRequest{Total: c.Total, Hold: c.Hold, Limit: c.Limit, Opens: c.Opens.Time, Closes: c.Closes.Time,
		Shuffle: c.Shuffle, Seed: c.Seed}
	var invalid *ledger.Invalid
	if errors.As(q.Validate(time.Now()), &invalid) {
		return usagef("--%s: %s", strings.ReplaceAll(invalid.Field, "_", "-"), invalid.Why)
	}
	return c.operate(ctx, func(s admin.Store) error {
		if _, err := s.Create(ctx, c.Name, q); err != nil {
			return err
		}
		return c.show(ctx, s, c.Name)
	})
}

// SaleShowCmd shows a sale.
type SaleShowCmd struct {
	saleArg
	outputFlag
}

// Run shows the sale.
func (c *SaleShowCmd) Run(ctx context.Context) error {
	return c.with(ctx, func(s ledger.Store) error { return c.show(ctx, s, c.Name) })
}

// shown is a sale, and how far its orders are behind.
type shown struct {
	admin.Description
	Orders backlog `json:"orders"`
}

// backlog is the events of a sale that order workers have not stored.
type backlog struct {
	Unread  uint64 `json:"unread"`  // no worker has read them
	Pending uint64 `json:"pending"` // a worker has them in hand
	Oldest  int64  `json:"oldest_ms"`
}

// show prints a sale.
func (o outputFlag) show(ctx context.Context, s admin.Store, name string) error {
	sale, err := lookAt(ctx, s, name)
	if err != nil {
		return err
	}
	return o.print(sale, sale.text)
}

func lookAt(ctx context.Context, s admin.Store, name string) (shown, error) {
	reply, err := s.Show(ctx, name)
	if err != nil {
		return shown{}, err
	}
	lag, err := s.EventLag(ctx, name, ledger.Group{Name: ledger.OrdersGroup})
	return shown{admin.Describe(name, reply), backlog{lag.Unread, lag.Pending, lag.Oldest.Milliseconds()}}, err
}

func (s shown) text(w io.Writer) error {
	return describe(w, s.Description, "orders\t"+s.Orders.String())
}

func (b backlog) String() string {
	if b.Unread+b.Pending == 0 {
		return "all events are stored"
	}
	return fmt.Sprintf("%d events are not stored yet, the oldest for %v", b.Unread+b.Pending,
		(time.Duration(b.Oldest) * time.Millisecond).Round(time.Second/10))
}

// describe prints a sale for people, and below it these lines.
func describe(out io.Writer, d admin.Description, lines ...string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
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
	for _, line := range lines {
		fmt.Fprintln(w, line)
	}
	return w.Flush()
}

// SaleAddCmd adds units.
type SaleAddCmd struct {
	changing
	N         uint64 `arg:"" help:"Units to add."`
	RequestID string `placeholder:"ID" help:"Units are added once for an id, however often it is sent."`
}

// Run adds the units.
func (c *SaleAddCmd) Run(ctx context.Context) error {
	if c.N == 0 || c.N > ledger.MaxSerial {
		return usagef("N is 1 to %d", uint64(ledger.MaxSerial))
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

// changing is a command that changes a sale and shows it.
type changing struct {
	saleArg
	outputFlag
}

func (c changing) change(ctx context.Context, q ledger.ChangeRequest) error {
	return c.operate(ctx, func(s admin.Store) error {
		if _, err := s.Change(ctx, c.Name, q); err != nil {
			return err
		}
		return c.show(ctx, s, c.Name)
	})
}

// SaleResumeCmd goes on selling.
type SaleResumeCmd struct{ changing }

// Run resumes the sale.
func (c *SaleResumeCmd) Run(ctx context.Context) error {
	return c.change(ctx, ledger.ChangeRequest{To: "open"})
}

// SaleRemoveCmd deletes a sale.
type SaleRemoveCmd struct {
	saleArg
	confirmed
}

// Run deletes the sale, if --yes is given or its name is typed.
func (c *SaleRemoveCmd) Run(ctx context.Context) error {
	if err := c.must(ctx, c.Name, "This forgets who owns which units of sale "+c.Name+"."); err != nil {
		return err
	}
	return c.operate(ctx, func(s admin.Store) error { return s.Remove(ctx, c.Name) })
}
