//go:build e2e

package main

import (
	"context"
	"database/sql"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite"

	"spike/bench/rig/rigtest"
)

// Faults of the database, or in front of it, under the real `spike orders`.

// newFaultStage starts a small sale, and a database with these settings.
func newFaultStage(t testing.TB, settings ...string) ordersStage {
	t.Helper()
	s := ordersStage{redis: startRedis(t), db: ordersDB{rigtest.StartPostgres(t, settings...)}, total: 400}
	mustSpike(t, "sale", "create", "ticket", "--total", strconv.Itoa(s.total), "--redis", s.redis.addr)
	s.edge = startEdge(t, "--redis", s.redis.addr)
	s.args = []string{"--redis", s.redis.addr, "--db", s.db.URL("postgres"), "--batch", "20"}
	return s
}

// stored waits until the database has so many rows, and no worker has an event in hand.
func (s ordersStage) stored(t testing.TB, rows int) {
	t.Helper()
	eventually(t, patience, strconv.Itoa(rows)+" rows", func() bool { return s.db.ask(t, oneRowEach) == rows })
	eventually(t, patience, "nothing is in hand", func() bool { n, _ := s.redis.inHand(t); return n == 0 })
}

// exec runs a statement as an operator would.
func (d ordersDB) exec(t testing.TB, query string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), d.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	if _, err := c.Exec(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}

// Two workers with two databases share one Redis. The second is refused, and the first gets every order.
func TestO1SecondWorkerOnAnotherDatabase(t *testing.T) {
	t.Parallel()
	redis, dir := startRedis(t), t.TempDir()
	mustSpike(t, "sale", "create", "ticket", "--total", "400", "--redis", redis.addr)
	edge := startEdge(t, "--redis", redis.addr)
	one, two := filepath.Join(dir, "one.db"), filepath.Join(dir, "two.db")
	worker := startOrders(t, "--redis", redis.addr, "--db", "sqlite:"+one, "--batch", "20")
	second := launchOrders(t, "--redis", redis.addr, "--db", "sqlite:"+two)
	code, said := second.ends(t), second.Output()
	if code != exitUsage || !strings.Contains(said, one) || !strings.Contains(said, two) {
		t.Errorf("exit %d: %s", code, said)
	}
	rigtest.Crowd(t, 400, 8, edge.buyURL("ticket"))
	eventually(t, patience, "the first has all", func() bool { return sqliteRows(one) == 400 })
	if !worker.ready() {
		t.Error("the first is not ready")
	}
}

// sqliteRows counts the rows in a file. -1: the file cannot be read now.
func sqliteRows(file string) (n int) {
	db, err := sql.Open("sqlite", "file:"+file+"?mode=ro")
	if err != nil {
		return -1
	}
	defer func() { _ = db.Close() }()
	if err := db.QueryRow(oneRowEach).Scan(&n); err != nil {
		return -1
	}
	return n
}

// The database's default is synchronous_commit = off. It dies as soon as every event is acknowledged.
func TestO2DatabaseKilledWithSynchronousCommitOff(t *testing.T) {
	t.Parallel()
	s := newFaultStage(t, "synchronous_commit=off", "wal_writer_delay=10s", "wal_writer_flush_after=1GB")
	startOrders(t, s.args...)
	s.sell(t, func(int) {})
	s.stored(t, s.total)
	s.db.End()
	rigtest.Restart(t, s.db.Process)
	if n := s.db.ask(t, oneRowEach); n != s.total {
		t.Errorf("%d of %d acknowledged rows are there", n, s.total)
	}
}

// The primary dies in full sale, and its synchronous standby is promoted.
func TestO3DatabaseFailsOver(t *testing.T) {
	t.Parallel()
	s := newFaultStage(t, "synchronous_standby_names=b", "synchronous_commit=local")
	standby := rigtest.StartStandby(t, s.db.Postgres, "b")
	worker := startOrders(t, "--redis", s.redis.addr, "--batch", "20",
		"--db", standby.URL("postgres", s.db.Postgres))
	s.sell(t, func(tenth int) {
		if tenth == 4 {
			s.db.End()
			rigtest.Promote(t, standby)
		}
	})
	s.db = ordersDB{standby}
	s.stored(t, s.total)
	eventually(t, patience, "it is ready", worker.ready)
}

// A CHECK refuses one row. All other rows are stored; the refused one is parked and can be tried again.
func TestO4OneRowIsRefused(t *testing.T) {
	t.Parallel()
	s := newFaultStage(t)
	worker := startOrders(t, s.args...)
	s.db.exec(t, "ALTER TABLE orders ADD CONSTRAINT picky CHECK (serial <> 17)")
	s.sell(t, func(int) {})
	s.stored(t, s.total-1)
	if n := s.db.ask(t, "SELECT count(*) FROM parked_orders WHERE serial = 17"); n != 1 {
		t.Errorf("%d parked", n)
	}
	eventually(t, patience, "it is counted", func() bool {
		return worker.metrics(t).Sum("spike_orders_parked") == 1 && worker.ready()
	})
	s.db.exec(t, "ALTER TABLE orders DROP CONSTRAINT picky; UPDATE parked_orders SET retry = true")
	s.stored(t, s.total)
}

// PgBouncer 1.18 in transaction pooling, and a search_path.
func TestO5OrdersThroughPgBouncer(t *testing.T) {
	t.Parallel()
	s := newFaultStage(t)
	s.db.exec(t, "CREATE SCHEMA shop")
	through := rigtest.StartPooler(t, s.db.Postgres, "") + "?search_path=shop"
	for range 2 {
		startOrders(t, "--redis", s.redis.addr, "--db", through, "--batch", "20")
	}
	s.sell(t, func(int) {})
	eventually(t, patience, "all are stored", func() bool { return s.db.ask(t, "SELECT count(*) FROM shop.orders") == s.total })
}

// In a pod, probes and scrapes come from outside.
func TestO6AdminOffLoopback(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	admin := rigtest.FreeAddr(t)
	_, port, _ := net.SplitHostPort(admin)
	pod := asTest(rigtest.StartServer(t, rigtest.Orders, rigtest.Options{Admin: admin, Redis: redis.addr,
		Args: []string{"--db", "sqlite:" + filepath.Join(t.TempDir(), "a.db"),
			"--admin", "0.0.0.0:" + port, "--admin-token", "sesame"}}))
	q, _ := http.NewRequest(http.MethodGet, "http://"+pod.admin+"/metrics", nil)
	if code, _, _ := answer(t, q); code != http.StatusUnauthorized {
		t.Errorf("without the token: %d", code)
	}
	q.Header.Set("Authorization", "Bearer sesame")
	if code, _, text := answer(t, q); code != http.StatusOK || !strings.Contains(text, "spike_orders_parked") {
		t.Errorf("with the token: %d", code)
	}
}
