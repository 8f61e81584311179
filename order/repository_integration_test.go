//go:build integration

package order

import (
	"context"
	"testing"

	"spike/order/pgtest"
)

func TestPostgresBook(t *testing.T) {
	server := pgtest.Start(t)
	bookSuite(t, func(t testing.TB) shelf {
		t.Helper()
		s := openShelf(t, server.URL)
		t.Cleanup(func() { s.wipe(t) })
		return s
	})
}

func (s shelf) wipe(t testing.TB) {
	t.Helper()
	if _, err := s.Book.(*postgres).pool.Exec(context.Background(), "TRUNCATE orders, deliveries, parked_events, parked_orders, spike_marks"); err != nil {
		t.Log(err)
	}
}
