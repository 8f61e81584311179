//go:build integration

package order

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"spike/bench/rig/rigtest"
)

// ask queries a database over a connection of its own; -1: the database does not answer.
func ask(t testing.TB, url, query string) (n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return -1
	}
	defer func() { _ = c.Close(ctx) }()
	if err := c.QueryRow(ctx, query).Scan(&n); err != nil {
		return -1
	}
	return n
}

// hand executes an operator's query.
func hand(t testing.TB, url, query string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	if _, err := c.Exec(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func open(t testing.TB, url string) Repository {
	t.Helper()
	repo, err := Open(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(repo.Close)
	return repo
}

const oneRowEach = `SELECT CASE WHEN count(*) = count(DISTINCT serial) THEN count(*) ELSE -2 END FROM orders`

// runs repeats a fault SPIKE_ORDER_RUNS times.
func runs(t *testing.T, run func(*testing.T)) {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("SPIKE_ORDER_RUNS"), "2"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if !t.Run(fmt.Sprint(i+1), run) {
			return
		}
	}
}

// PostgreSQL dies (immediate) with synchronous_commit = off as its default, while orders come. Every acknowledged order is there.
func TestO2CrashWithSynchronousCommitOff(t *testing.T) {
	t.Parallel()
	for name, param := range map[string]string{"of the server": "", "in the address": "?synchronous_commit=off"} {
		t.Run(name, func(t *testing.T) { runs(t, func(t *testing.T) { crash(t, param) }) })
	}
}

func crash(t *testing.T, param string) {
	server := rigtest.StartPostgres(t, "synchronous_commit=off", "wal_writer_delay=10s", "wal_writer_flush_after=1GB")
	store := newShop()
	store.sale(t, "a", 1000, time.Hour)
	work(t, store, open(t, server.URL("postgres")+param))
	for range 40 {
		store.buy(t, "a", 10)
		time.Sleep(time.Millisecond)
	}
	allDone(t, store, "a")
	server.End()
	rigtest.Restart(t, server.Process)
	if n := ask(t, server.URL("postgres"), oneRowEach); n != 400 {
		t.Errorf("%d of 400 acknowledged rows are there (-2: some twice)", n)
	}
}

// The start names settings with which a crash of the machine loses orders.
func TestO2RisksAreNamed(t *testing.T) {
	t.Parallel()
	repo := openTestRepository(t, rigtest.StartPostgres(t, "full_page_writes=off").URL("postgres"))
	risks, err := repo.Risks(t.Context())
	if err != nil || len(risks) != 2 || !strings.Contains(strings.Join(risks, "; "), "fsync is off") ||
		!strings.Contains(strings.Join(risks, "; "), "full_page_writes is off") {
		t.Errorf("%q %v", risks, err)
	}
	var log diary
	store := newShop()
	run(t, store, repo, &log)
	eventually(t, "they are said", func() bool { return log.says("fsync is off", "full_page_writes is off") })
}

// A real fail-over: the primary dies in the middle of the work, and its standby is promoted. With a synchronous standby nothing
// is lost, and the worker goes on by itself.
func TestO3FailOverToAStandby(t *testing.T) {
	t.Parallel()
	runs(t, func(t *testing.T) {
		primary := rigtest.StartPostgres(t, "synchronous_standby_names=b", "wal_level=replica", "synchronous_commit=local")
		standby := rigtest.StartStandby(t, primary, "b")
		store := newShop()
		store.sale(t, "a", 1000, time.Hour)
		work(t, store, open(t, bothOf(t, standby, primary)), func(c *Config) { c.Batch = 10 })
		var buying sync.WaitGroup
		buying.Go(func() {
			for range 400 {
				store.buy(t, "a", 1)
				time.Sleep(2 * time.Millisecond)
			}
		})
		eventually(t, "some are stored", func() bool { return ask(t, primary.URL("postgres"), oneRowEach) > 100 })
		primary.End()
		rigtest.Promote(t, standby)
		promoted := time.Now()
		buying.Wait()
		eventually(t, "all are stored", func() bool { return ask(t, standby.URL("postgres"), oneRowEach) == 400 })
		t.Logf("all stored %v after the promotion", time.Since(promoted).Round(time.Millisecond))
		allDone(t, store, "a")
		if n := ask(t, standby.URL("postgres"), oneRowEach); n != 400 {
			t.Errorf("%d rows of 400 (-2: some twice)", n)
		}
	})
}

// bothOf is an address with two hosts.
func bothOf(t testing.TB, a, b *rigtest.Postgres) string {
	t.Helper()
	return a.URL("postgres", b)
}

// The old primary lives on as a standby, or its administrator makes it read-only for a while (as a full disk does in some
// clouds). Its sessions are useless, and do not end by themselves.
func TestO3SessionsOfAReadOnlyServerEnd(t *testing.T) {
	t.Parallel()
	server := rigtest.StartPostgres(t)
	for name, c := range map[string][2]string{
		"read-only": {"ALTER ROLE spike SET default_transaction_read_only = on",
			"BEGIN; SET TRANSACTION READ WRITE; ALTER ROLE spike RESET default_transaction_read_only; COMMIT"},
		"a full disk":   {failing("53100"), "DROP FUNCTION failing CASCADE"},
		"no memory":     {failing("53200"), "DROP FUNCTION failing CASCADE"},
		"shutting down": {failing("57P01"), "DROP FUNCTION failing CASCADE"},
		"a disk error":  {failing("58030"), "DROP FUNCTION failing CASCADE"},
		"read-only now": {failing("25006"), "DROP FUNCTION failing CASCADE"},
	} {
		t.Run(name, func(t *testing.T) {
			store, addr, sale := newShop(), freeAddr(t), strings.ReplaceAll(name, " ", "-")
			rows := "SELECT count(*) FROM orders WHERE sale = '" + sale + "'"
			store.sale(t, sale, 1000, time.Hour)
			work(t, store, openTestRepository(t, server.URL("postgres")), func(c *Config) { c.Admin = addr })
			store.buy(t, sale, 1)
			allDone(t, store, sale)
			hand(t, server.URL("postgres"), c[0])
			hand(t, server.URL("postgres"), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE pid <> pg_backend_pid() AND usename = 'spike'`)
			store.buy(t, sale, 1)
			eventually(t, "it says so", func() bool { return contains(fetch(addr, "/metrics"), `part_ok{part="database"} 0`) })
			hand(t, server.URL("postgres"), c[1])
			eventually(t, "it goes on", func() bool { return ask(t, server.URL("postgres"), rows) == 2 })
			allDone(t, store, sale)
			if n := ask(t, server.URL("postgres"), "SELECT count(*) FROM parked_orders"); n != 0 {
				t.Errorf("%d parked: it was not the rows' fault", n)
			}
		})
	}
}

// failing is a trigger that fails every order with an error that does not blame the order.
func failing(code string) string {
	return `CREATE FUNCTION failing() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '` + code + `'; END $$;
		CREATE TRIGGER failing BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION failing()`
}

// A primary becomes read-only while its sessions live. The next sessions go to a server that takes writes.
func TestO3DemotedPrimary(t *testing.T) {
	t.Parallel()
	primary := rigtest.StartPostgres(t)
	standby := rigtest.StartStandby(t, primary, "b")
	store := newShop()
	store.sale(t, "a", 1000, time.Hour)
	work(t, store, open(t, bothOf(t, primary, standby)))
	store.buy(t, "a", 1)
	allDone(t, store, "a")
	eventually(t, "the standby has it", func() bool { return ask(t, standby.URL("postgres"), oneRowEach) == 1 })
	hand(t, primary.URL("postgres"), "ALTER SYSTEM SET default_transaction_read_only = on")
	hand(t, primary.URL("postgres"), "SELECT pg_reload_conf()")
	rigtest.Promote(t, standby)
	store.buy(t, "a", 1)
	eventually(t, "it is stored where writes are taken", func() bool { return ask(t, standby.URL("postgres"), oneRowEach) == 2 })
	if n := ask(t, primary.URL("postgres"), oneRowEach); n != 1 {
		t.Errorf("%d rows on the old primary", n)
	}
}

// PgBouncer as Debian has it (1.18), in transaction pooling. All clients share two sessions.
func TestO5PgBouncer(t *testing.T) {
	t.Parallel()
	server := rigtest.StartPostgres(t, "synchronous_commit=off", "wal_writer_delay=10s", "wal_writer_flush_after=1GB")
	hand(t, server.URL("postgres"), `CREATE SCHEMA shop; CREATE SCHEMA "My Shop"`)
	for name, c := range map[string]struct{ settings, params, schema string }{
		"plain":              {"", "", "public"},
		"search_path":        {"", "?search_path=shop", "shop"},
		"odd search_path":    {"", "?search_path=" + url.PathEscape(`"My Shop",public`), `"My Shop"`},
		"search_path passed": {"ignore_startup_parameters = search_path,extra_float_digits", "?search_path=shop", "shop"},
	} {
		t.Run(name, func(t *testing.T) {
			through := rigtest.StartPooler(t, server, c.settings) + c.params
			store, h := newShop(), newHook(t, nil)
			store.sale(t, "a", 1000, time.Hour)
			ends := make([]func(), 0, 3)
			for range 3 {
				ends = append(ends, work(t, store, open(t, through), hooked(h.URL), func(c *Config) { c.Batch = 7 }))
			}
			for range 100 {
				store.buy(t, "a", 2)
			}
			rows := "SELECT count(*) FROM " + c.schema + ".orders"
			eventually(t, "all are stored", func() bool { return ask(t, server.URL("postgres"), rows) == 200 })
			eventually(t, "all is told", func() bool {
				return ask(t, server.URL("postgres"), "SELECT count(*) FROM "+c.schema+".deliveries WHERE state = 'delivered'") == 100
			})
			allDone(t, store, "a")
			server.End()
			rigtest.Restart(t, server.Process)
			if n := ask(t, server.URL("postgres"), rows); n != 200 {
				t.Errorf("%d of 200 acknowledged rows are there after a crash", n)
			}
			for _, end := range ends {
				end()
			}
			hand(t, server.URL("postgres"), "DROP SCHEMA "+c.schema+" CASCADE; CREATE SCHEMA "+c.schema)
		})
	}
}

// Another database on the same server, made from this one, is a copy. It has the same id and another place.
func TestO1CopyByTemplate(t *testing.T) {
	t.Parallel()
	server := rigtest.StartPostgres(t)
	first := openTestRepository(t, server.URL("postgres"))
	me, err := first.Binding(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	other := server.URL("copy")
	hand(t, server.URL("template1"), "CREATE DATABASE copy TEMPLATE postgres")
	copied, err := openTestRepository(t, other).Binding(t.Context())
	if err != nil || copied.ID != me.ID || copied.Place == me.Place {
		t.Errorf("%+v is taken for %+v: %v", copied, me, err)
	}
	store := newShop()
	addr := freeAddr(t)
	work(t, store, open(t, server.URL("postgres")), func(c *Config) { c.Admin = addr })
	eventually(t, "the first has them", func() bool { return contains(fetch(addr, "/readyz"), "ready") })
	if err := <-run(t, store, open(t, other), io.Discard); !errors.Is(err, ErrConfig) {
		t.Errorf("%v", err)
	}
}
