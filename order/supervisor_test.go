package order

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"spike/luascripts/ledger"
)

// closedRepository answers and stores nothing.
type closedRepository struct{ Repository }

func (closedRepository) Migrate(context.Context) error     { return nil }
func (closedRepository) Ping(context.Context) error        { return nil }
func (closedRepository) Writers() int                      { return 1 }
func (closedRepository) Kind() string                      { return "none" }
func (closedRepository) Save(context.Context, Entry) error { return errAway }

func (closedRepository) Binding(context.Context) (ledger.Binding, error) {
	return ledger.Binding{ID: "closed", Place: "here"}, nil
}
func (closedRepository) Risks(context.Context) ([]string, error) { return nil, nil }
func (closedRepository) Stored(context.Context, string, uint64) (uint64, bool, error) {
	return 0, false, nil
}
func (closedRepository) Again(context.Context, int) ([]Order, error) { return nil, nil }
func (closedRepository) ParkedOrders(context.Context) (int64, error) { return 0, nil }

// A consumer has a batch in hand that it cannot store. The sale is removed and made again. The new sale's holds end all the same.
func TestHoldsOfASaleMadeAgainEndWhileItsConsumerIsStuck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newShop()
		store.sale(t, "a", 2, time.Hour)
		store.buy(t, "a", 1)
		work(t, store, closedRepository{}, func(c *Config) { c.pace = &steady })
		time.Sleep(time.Minute)
		if lag, err := store.EventLag(t.Context(), "a", ledger.Group{Name: ledger.OrdersGroup}); err != nil ||
			lag.Pending != 1 {
			t.Fatalf("nothing is in hand: %+v %v", lag, err)
		}
		if err := store.Remove(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		store.sale(t, "a", 2, 2*time.Second)
		store.buy(t, "a", 2)
		time.Sleep(time.Minute)
		if r, err := store.Show(t.Context(), "a"); err != nil || r.Free != 2 {
			t.Errorf("the holds have not ended: %+v %v", r, err)
		}
	})
}

// longStore has a slow list.
type longStore struct {
	ledger.Store
	busy time.Duration
}

func (l *longStore) List(ctx context.Context) ([]string, error) {
	const takes = 300 * time.Millisecond
	time.Sleep(takes)
	l.busy += takes
	return l.Store.List(ctx)
}

func TestAListThatTakesLongIsLookedAtSeldom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &longStore{Store: newShop()}
		stop := work(t, store, nil, func(c *Config) { c.pace = &steady })
		time.Sleep(10 * time.Minute)
		stop()
		if store.busy < 20*time.Second || store.busy > 30*time.Second {
			t.Errorf("busy for %v of 10 minutes", store.busy)
		}
	})
}
