//go:build e2e

package main

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/rueidis"

	"spike/bench/rig/rigtest"
)

// patience bounds a wait that normally takes a moment, on a busy machine.
const patience = time.Minute

// launchOrders starts an order worker, and does not wait until it is ready.
func launchOrders(t testing.TB, args ...string) *testServer {
	t.Helper()
	s := rigtest.NewServer(t, rigtest.Orders, rigtest.Options{Args: args})
	rigtest.Launch(t, s.Process)
	return asTest(s)
}

func startOrders(t testing.TB, args ...string) *testServer {
	t.Helper()
	o := launchOrders(t, args...)
	eventually(t, patience, "the order worker is ready", o.ready)
	return o
}

// ordersDB queries the database. It connects anew for each query, because the server comes and goes.
type ordersDB struct {
	*rigtest.Postgres
}

func (d ordersDB) ask(t testing.TB, query string) (n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, d.URL("postgres"))
	if err != nil {
		return -1
	}
	defer func() { _ = c.Close(ctx) }()
	if err := c.QueryRow(ctx, query).Scan(&n); err != nil {
		return -1
	}
	return n
}

const oneRowEach = `SELECT CASE WHEN count(*) = count(DISTINCT serial) THEN count(*) ELSE -2 END
	FROM orders WHERE sale = 'ticket'`

// comesTo waits until there is exactly one row for each of n serials. It checks again when no worker has an event in hand.
func (d ordersDB) comesTo(t testing.TB, redis redisServer, n int) {
	t.Helper()
	eventually(t, patience, strconv.Itoa(n)+" rows", func() bool { return d.ask(t, oneRowEach) >= n })
	eventually(t, patience, "nothing is in hand", func() bool { n, _ := redis.inHand(t); return n == 0 })
	if rows := d.ask(t, oneRowEach); rows != n {
		t.Errorf("%d rows, one a serial (-2: some serial twice), want %d", rows, n)
	}
	odd := d.ask(t, `SELECT count(*) FROM orders WHERE reserved_at IS NULL OR serial NOT BETWEEN 1 AND `+strconv.Itoa(n))
	if odd != 0 {
		t.Errorf("%d rows make no sense", odd)
	}
}

// inHand returns how many events the workers have read and not acknowledged, and how many workers there are. Both are 0 until
// the first worker has read.
func (r redisServer) inHand(t testing.TB) (events int64, workers int) {
	t.Helper()
	pending := r.B().Arbitrary("XPENDING", "{ticket_hash_key}:orders", "orders").Build()
	summary, err := r.Do(context.Background(), pending).ToArray()
	if e, ok := rueidis.IsRedisErr(err); ok && strings.HasPrefix(e.Error(), "NOGROUP") {
		return 0, 0
	}
	if err != nil {
		t.Fatal(err)
	}
	events, _ = summary[0].ToInt64()
	list, _ := summary[3].ToArray()
	return events, len(list)
}

// ordersStage is a sale on an edge, Redis and PostgreSQL, and its crowd.
type ordersStage struct {
	redis redisServer
	db    ordersDB
	edge  *testServer
	total int
	args  []string
}

func newOrdersStage(t testing.TB) ordersStage {
	s := ordersStage{redis: startRedis(t), db: ordersDB{rigtest.StartPostgres(t)}, total: 4_000}
	if long() {
		s.total = 20_000
	}
	mustSpike(t, "sale", "create", "ticket", "--total", strconv.Itoa(s.total), "--redis", s.redis.addr)
	s.edge = startEdge(t, "--redis", s.redis.addr)
	s.args = []string{"--redis", s.redis.addr, "--db", s.db.URL("postgres"), "--batch", "50"}
	return s
}

// sell sells everything in ten parts, and calls between after each part.
func (s ordersStage) sell(t testing.TB, between func(tenth int)) {
	t.Helper()
	won := 0
	for tenth := 1; won < s.total; tenth++ {
		w, _ := rigtest.Crowd(t, int64(s.total/10), 8, s.edge.buyURL("ticket"))
		won += w.Count(rigtest.Won)
		if tenth <= 10 {
			between(tenth)
		}
		if tenth > 200 {
			t.Fatalf("%d of %d sold", won, s.total)
		}
	}
}

// TestOrdersSurviveKills proves G46.
func TestOrdersSurviveKills(t *testing.T) {
	t.Parallel()
	s := newOrdersStage(t)
	worker := startOrders(t, s.args...)
	s.sell(t, func(tenth int) {
		if tenth%3 == 0 { // in three of the ten parts, and at once, so that the worker has events in hand
			worker.die()
			worker = launchOrders(t, s.args...)
		}
	})
	s.db.comesTo(t, s.redis, s.total)
	s.redis.audit(t, "ticket")
}

// TestOrdersWithDatabaseAway proves G46.
func TestOrdersWithDatabaseAway(t *testing.T) {
	t.Parallel()
	s := newOrdersStage(t)
	worker := startOrders(t, s.args...)
	s.sell(t, func(tenth int) {
		switch tenth {
		case 3:
			s.db.End()
		case 7:
			eventually(t, patience, "it says that it is not ready", func() bool { return !worker.ready() })
			rigtest.Restart(t, s.db.Process)
		}
	})
	s.db.comesTo(t, s.redis, s.total)
	if !worker.ready() {
		t.Errorf("the worker is not there any more:\n%s", worker.Output())
	}
}

func TestOrdersStartBeforeTheirDatabase(t *testing.T) {
	t.Parallel()
	s := newOrdersStage(t)
	s.db.End()
	launchOrders(t, s.args...)
	s.sell(t, func(int) {})
	rigtest.Restart(t, s.db.Process)
	s.db.comesTo(t, s.redis, s.total)
}

// Redis stands still while the worker reads, for longer than any call waits.
func TestOrdersWhileRedisStandsStill(t *testing.T) {
	t.Parallel()
	s := newOrdersStage(t)
	s.sell(t, func(int) {})
	worker := startOrders(t, s.args...)
	pid := s.redis.pid(t)
	_ = syscall.Kill(pid, syscall.SIGSTOP)
	time.Sleep(3 * time.Second)
	_ = syscall.Kill(pid, syscall.SIGCONT)
	s.db.comesTo(t, s.redis, s.total)
	eventually(t, patience, "it is ready again", worker.ready)
}

// Two workers share the work. One is killed with events in hand and never comes back.
// It proves G46.
func TestKilledWorkersOrdersAreTakenOver(t *testing.T) {
	t.Parallel()
	s := newOrdersStage(t)
	doomed, other := startOrders(t, s.args...), startOrders(t, s.args...)
	lock, err := pgx.Connect(t.Context(), s.db.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close(context.Background()) }()
	if _, err := lock.Exec(t.Context(), "BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	s.sell(t, func(int) {})
	eventually(t, patience, "both have events in hand", func() bool { _, workers := s.redis.inHand(t); return workers == 2 })
	doomed.die()
	if _, err := lock.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	freed := time.Now() // the worker says within 10 s
	eventually(t, patience, "the other has stored all", func() bool { return s.db.ask(t, oneRowEach) == s.total })
	t.Logf("the other had stored all after %v", time.Since(freed).Round(time.Millisecond))
	s.db.comesTo(t, s.redis, s.total)
	if !other.ready() {
		t.Error("the other is not ready")
	}
}

// The same with SQLite: a unit is bought, and is unpaid at the end of its hold.
func TestOrdersInSQLite(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", "500", "--hold", "8s", "--redis", redis.addr)
	edge := startEdge(t, "--redis", redis.addr)
	worker := startOrders(t, "--redis", redis.addr, "--db", "sqlite:"+filepath.Join(t.TempDir(), "orders.db"))
	w, _ := rigtest.Crowd(t, 300, 8, edge.buyURL("ticket"))
	edge.stop(t) // from here on only the worker ends holds
	eventually(t, patience, "the holds have ended", func() bool {
		a := redis.audit(t, "ticket")
		return a.Pending == 0 && a.Free == a.Total
	})
	eventually(t, patience, "all is stored", func() bool {
		m := worker.metrics(t)
		return m.Has("spike_orders_lag_seconds", "sale", "ticket") && m.Sum("spike_orders_lag_seconds", "sale", "ticket") == 0 &&
			int(m.Sum("spike_orders_expired_units_total")) == w.Count(rigtest.Won)
	})
	worker.stop(t)
}

func TestOrdersUsage(t *testing.T) {
	t.Parallel()
	db := "sqlite:" + filepath.Join(t.TempDir(), "orders.db")
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--redis", "127.0.0.1:1"}, exitUsage, "--db"},
		{[]string{"--redis", "127.0.0.1:1", "--db", "mysql://u:hunter2@h/db"}, exitUsage, "sqlite:FILE"},
		{[]string{"--redis", "127.0.0.1:1", "--db", "postgres://u:hunter2@h:port/db"}, exitUsage, "postgres://"},
		{[]string{"--db", db}, exitUsage, "--redis"},
		{[]string{"--redis", "127.0.0.1:1", "--db", "sqlite:/nowhere/at/all/orders.db"}, exitUsage, "/nowhere/at/all"},
		{[]string{"--redis", "127.0.0.1:1", "--db", db}, exitDependency, "127.0.0.1:1"},
	} {
		if _, errs, code := spike(t, append([]string{"orders"}, c.args...)...); code != c.code || !strings.Contains(errs, c.says) ||
			strings.Contains(errs, "hunter2") {
			t.Errorf("%v: exit %d: %s", c.args, code, errs)
		}
	}
	redis := rigtest.StartRedis(t).Addr
	for says, args := range map[string][]string{"loopback": {"--admin", "0.0.0.0:0"}, "secret": {"--webhook", "http://127.0.0.1:1/"},
		"batch": {"--batch", "0"}, "http": {"--webhook", "nonsense", "--webhook-secret", "hunter2"}} {
		_, errs, code := spike(t, append([]string{"orders", "--redis", redis, "--db", db}, args...)...)
		if code != exitUsage || !strings.Contains(errs, says) || strings.Contains(errs, "hunter2") {
			t.Errorf("%v: exit %d: %s", args, code, errs)
		}
	}
}
