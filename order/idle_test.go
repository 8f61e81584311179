package order

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"spike/luascripts/ledger"
)

// counted is a store that counts its scripts and its stream commands.
type counted struct {
	ledger.Store
	scripts, commands, marks atomic.Int64
}

func (c *counted) Show(ctx context.Context, sale string) (ledger.ShowReply, error) {
	c.scripts.Add(1)
	return c.Store.Show(ctx, sale)
}

func (c *counted) Tend(ctx context.Context, sale string, q ledger.TendRequest) (ledger.TendReply, error) {
	c.scripts.Add(1)
	return c.Store.Tend(ctx, sale, q)
}

func (c *counted) EventLag(ctx context.Context, sale string, g ledger.Group) (ledger.Lag, error) {
	c.scripts.Add(1)
	return c.Store.EventLag(ctx, sale, g)
}

func (c *counted) ReadEvents(ctx context.Context, sale string, g ledger.Group, n int) ([]ledger.Event, error) {
	c.commands.Add(1)
	return c.Store.ReadEvents(ctx, sale, g, n)
}

func (c *counted) TakeOver(ctx context.Context, sale string, g ledger.Group, idle time.Duration, n int) (
	[]ledger.Event, error) {
	c.commands.Add(1)
	return c.Store.TakeOver(ctx, sale, g, idle, n)
}

func (c *counted) Marks(ctx context.Context, sales []string) ([]ledger.Mark, string, error) {
	c.marks.Add(1)
	return c.Store.Marks(ctx, sales)
}

// openRepository accepts everything.
type openRepository struct {
	closedRepository
	saved *atomic.Int64
}

func (b openRepository) Save(context.Context, Entry) error {
	b.saved.Add(1)
	return nil
}

// A4: 504 sales have no news, and half of them have sold. One look a second covers all of them, with next to no script. New
// events are stored as fast as ever.
func TestA4IdleSalesCostNoScripts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shop := newShop()
		store, repo := &counted{Store: shop}, openRepository{saved: &atomic.Int64{}}
		for i := range 504 {
			shop.sale(t, fmt.Sprint("s", i), 5, 0)
			if i%2 == 0 {
				shop.buy(t, fmt.Sprint("s", i), 1)
			}
		}
		stop := work(t, store, repo, func(c *Config) { c.pace = &steady })
		defer stop()
		time.Sleep(30 * time.Second)
		if n := repo.saved.Load(); n != 252 {
			t.Fatalf("%d batches stored", n)
		}
		scripts, commands, marks := store.scripts.Load(), store.commands.Load(), store.marks.Load()
		time.Sleep(10 * time.Minute)
		scripts, commands, marks = store.scripts.Load()-scripts, store.commands.Load()-commands, store.marks.Load()-marks
		t.Logf("a second: %.2f scripts, %.2f commands of streams, %.2f looks", float64(scripts)/600, float64(commands)/600,
			float64(marks)/600)
		if scripts > 600*8 || commands > 600*8 || marks < 590 || marks > 610 {
			t.Errorf("in ten minutes: %d scripts, %d commands of streams, %d looks", scripts, commands, marks)
		}
		shop.buy(t, "s7", 1)
		time.Sleep(2 * time.Second)
		if n := repo.saved.Load(); n != 253 {
			t.Errorf("%d batches stored", n)
		}
	})
}

// A4: 500 sales have one held unit each, and nobody buys. Each costs a script or two a minute, and the holds end in time.
func TestA4PendingUnitsCostFewScripts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const sales, hold = 500, 5 * time.Minute
		shop := newShop()
		store, repo := &counted{Store: shop}, openRepository{saved: &atomic.Int64{}}
		for i := range sales {
			shop.sale(t, fmt.Sprint("s", i), 5, hold)
			shop.buy(t, fmt.Sprint("s", i), 1)
		}
		stop := work(t, store, repo, func(c *Config) { c.pace = &steady })
		defer stop()
		time.Sleep(30 * time.Second)
		before := store.scripts.Load()
		time.Sleep(2 * time.Minute)
		scripts := store.scripts.Load() - before
		t.Logf("%.1f scripts a second for %d sales", float64(scripts)/120, sales)
		if scripts > 120*15 {
			t.Errorf("%d scripts in two minutes", scripts)
		}
		time.Sleep(hold - 150*time.Second - time.Second)
		pending := func() (n uint64) {
			for i := range sales {
				shown, err := shop.Show(t.Context(), fmt.Sprint("s", i))
				if err != nil {
					t.Fatal(err)
				}
				n += shown.Pending
			}
			return n
		}
		if n := pending(); n != sales {
			t.Errorf("%d holds have ended early", sales-n)
		}
		time.Sleep(5 * time.Second)
		if n := pending(); n != 0 {
			t.Errorf("%d holds have not ended", n)
		}
	})
}
