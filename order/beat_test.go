package order

import (
	"testing"
	"testing/synctest"
	"time"

	"spike/luascripts/ledger"
)

// A worker says each second how far it is with each sale, and leaves when it ends.
func TestWorkerBeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shop := newShop()
		shop.sale(t, "a", 5, 0)
		shop.buy(t, "a", 1)
		stop := work(t, shop, closedRepository{}, func(c *Config) { c.pace, c.Node, c.Version = &steady, "w", "7" })
		time.Sleep(20 * time.Second)
		all, err := shop.Beats(t.Context())
		if err != nil || len(all) != 1 || all[0].Orders == nil {
			t.Fatalf("%+v %v", all, err)
		}
		b := all[0]
		if b.Kind != ledger.OrdersKind || b.Node != "w" || b.Version != "7" || b.Ready || b.Orders.Database != "none" ||
			b.Orders.Retries == 0 || b.Age > ledger.BeatLasts.Microseconds() {
			t.Errorf("%+v %+v", b, b.Orders)
		}
		if s := b.Orders.Sales; len(s) != 1 || s[0].Sale != "a" || s[0].Unread+s[0].Unacked != 1 || s[0].Lag == 0 {
			t.Errorf("%+v", s)
		}
		stop()
		entries, err := shop.Entries(t.Context(), "", 9)
		if all, _ := shop.Beats(t.Context()); err != nil || len(all) != 0 || len(entries) != 2 || entries[0].Did != "stopped" ||
			entries[1].Did != "started" || entries[1].Who != "w" || entries[1].From != "orders" {
			t.Errorf("%+v, %+v %v", all, entries, err)
		}
	})
}
