//go:build integration

package order

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"spike/bench/rig/rigtest"
)

func TestPostgresRepository(t *testing.T) {
	t.Parallel()
	server := rigtest.StartPostgres(t)
	repositorySuite(t, func(t testing.TB) testRepository {
		t.Helper()
		s := openTestRepository(t, server.URL("postgres"))
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

func TestOldPostgresGetsIDs(t *testing.T) {
	t.Parallel()
	url := rigtest.StartPostgres(t).URL("postgres")
	repo, err := Open(url)
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	p := repo.(*postgres)
	if err := p.migrateTo(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if _, err := p.pool.Exec(t.Context(), beforeIDs, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	upgraded(t, openTestRepository(t, url))
}
