//go:build integration

package luascripts

import (
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

func TestRedisStore(t *testing.T) { testStore(t, dial(t, rigtest.StartRedis(t).Addr, suiteBounds())) }

// An entry that a hand wrote into the stream does no harm: it is read as an event of unknown kind.
func TestForeignEntryInTheStream(t *testing.T) {
	s := dial(t, rigtest.StartRedis(t).Addr, ledger.DefaultBounds())
	sale := newSale(t, s, ledger.CreateRequest{Total: 9, Hold: time.Minute})
	won := buyOne(t, s, sale, 1)
	g := ledger.Group{Name: ledger.OrdersGroup, Consumer: "a"}
	first := must[[]ledger.Event](t)(s.ReadEvents(bg, sale, g, 1))
	hset(t, s, "XADD", ordersKey(sale), "*", "t", "sung")
	if l := must[ledger.Lag](t)(s.EventLag(bg, sale, g)); l.Unread == 0 || l.Pending != 1 {
		t.Errorf("%+v", l)
	}
	odd := must[[]ledger.Event](t)(s.ReadEvents(bg, sale, g, 10))
	if len(odd) != 1 || odd[0].Kind.Known() || odd[0].ID == "" {
		t.Fatalf("%+v", odd)
	}
	if err := s.AckEvents(bg, sale, g, []string{first[0].ID}); err != nil {
		t.Fatal(err)
	}
	if r := must[ledger.ReservationReply](t)(s.Reservation(bg, sale, won.Birth, won.Claim)); r.Life != ledger.IsPending {
		t.Errorf("%+v", r)
	}
	if err := s.AckEvents(bg, sale, g, []string{odd[0].ID}); err != nil {
		t.Fatal(err)
	}
	if r := must[ledger.ReservationReply](t)(s.Reservation(bg, sale, won.Birth, won.Claim)); !r.Stored {
		t.Errorf("%+v", r)
	}
}
