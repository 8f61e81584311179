package order

import (
	"testing"
	"time"
)

// Row D20: if a row is a reservation, its units add up.
func TestD20UnitsAddUp(t *testing.T) { unitsAddUp(t, newSQLite(t)) }

func unitsAddUp(t *testing.T, s testRepository) {
	store := newShop()
	store.sale(t, "sums", 100, time.Hour)
	for n := range uint32(4) {
		c, birth := store.buy(t, "sums", n+1)
		if n == 3 {
			store.confirm(t, "sums", birth, c)
		}
	}
	c, birth := store.buy(t, "sums", 7)
	store.cancel(t, "sums", birth, c)
	work(t, store, s)
	s.comesTo(t, "sums", map[State]int{Pending: 1 + 2 + 3, Confirmed: 4, Cancelled: 7})
	for query, want := range map[string]int{
		"SELECT sum(units) FROM order_reservations WHERE state <> 'cancelled'":                  10,
		"SELECT count(*) FROM order_reservations":                                               5,
		"SELECT count(*) FROM orders WHERE state <> 'cancelled'":                                10,
		"SELECT sum(units) FROM order_reservations WHERE state = 'confirmed' AND buyer IS NULL": 0,
		"SELECT sum(units) FROM order_reservations WHERE buyer = '0104000000000000'":            4,
	} {
		if got, err := s.count("SELECT coalesce((" + query + "), 0)"); err != nil || got != want {
			t.Errorf("%s: %d %v, not %d", query, got, err, want)
		}
	}
}
