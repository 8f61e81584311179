//go:build integration

package order

import (
	"context"
	"testing"

	"spike/order/pgtest"
)

func TestPostgresRepository(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	repositorySuite(t, func(t testing.TB) testRepository {
		t.Helper()
		s := openTestRepository(t, server.URL)
		t.Cleanup(func() { s.wipe(t) })
		return s
	})
}

func (s testRepository) wipe(t testing.TB) {
	t.Helper()
	if _, err := s.Repository.(*postgres).pool.Exec(context.Background(),
		"TRUNCATE orders, deliveries, parked_events, parked_orders, spike_marks"); err != nil {
		t.Log(err)
	}
}
