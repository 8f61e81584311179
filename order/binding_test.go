package order

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
	"spike/order/loopback"
	"spike/order/operators"
)

func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// fetch is a page of the operators' side; "" if it does not answer.
func fetch(addr, path string) string {
	r, err := http.Get("http://" + addr + path)
	if err != nil {
		return ""
	}
	defer func() { _ = r.Body.Close() }()
	text, _ := io.ReadAll(r.Body)
	return string(text)
}

func contains(text string, all ...string) bool {
	for _, part := range all {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// diary is a log that is asked what it says.
type diary struct{ rigtest.Log }

func (d *diary) says(parts ...string) bool {
	return contains(d.String(), parts...)
}

// run runs a worker until it ends by itself, or the test ends.
func run(t testing.TB, store ledger.Store, repo Repository, log io.Writer, change ...func(*Config)) <-chan error {
	t.Helper()
	cfg := Config{Batch: 20, pace: &brisk}
	for _, f := range change {
		f(&cfg)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		done <- Run(ctx, cfg, store, repo, zerolog.New(log))
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return done
}

// A second worker on another database would store a part of the orders, and the first worker the rest. The second is refused.
func TestO1AnotherDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	store, one, two := newShop(), newSQLite(t), newSQLite(t)
	store.sale(t, "a", 1000, time.Hour)
	stop := work(t, store, one)
	store.buy(t, "a", 1)
	one.comesTo(t, "a", map[State]int{Pending: 1})
	err := <-run(t, store, two, io.Discard)
	if !errors.Is(err, ErrConfig) || !contains(err.Error(), one.Repository.(*sqlite).file, two.Repository.(*sqlite).file,
		"--rebind") {
		t.Fatalf("%v", err)
	}
	for range 100 {
		store.buy(t, "a", 1)
	}
	one.comesTo(t, "a", map[State]int{Pending: 101})
	if n, err := two.count("SELECT count(*) FROM orders"); err != nil || n != 0 {
		t.Errorf("%d rows in the other, %v", n, err)
	}
	stop()
	if err := <-run(t, store, two, io.Discard); !errors.Is(err, ErrConfig) { // it is refused even if the first is away
		t.Errorf("%v", err)
	}
}

// The operator moves the orders to another database. The worker that had them ends, and stores nothing more.
func TestO1OrdersAreMovedToAnotherDatabase(t *testing.T) {
	t.Parallel()
	store, one, two := newShop(), newSQLite(t), newSQLite(t)
	store.sale(t, "a", 1000, time.Hour)
	old := run(t, store, one, io.Discard)
	store.buy(t, "a", 1)
	one.comesTo(t, "a", map[State]int{Pending: 1})
	allDone(t, store, "a")
	var log diary
	run(t, store, two, &log, func(c *Config) { c.Rebind = true })
	if err := <-old; !errors.Is(err, ErrConfig) || !contains(err.Error(), two.Repository.(*sqlite).file) {
		t.Errorf("the old one: %v", err)
	}
	for range 30 {
		store.buy(t, "a", 1)
	}
	two.comesTo(t, "a", map[State]int{Pending: 30})
	eventually(t, "it names what the new one lacks", func() bool { return log.says(`"first":1`, `"last":1`, "lost orders") })
}

// copyOf is a copy of a database file in use.
func (s testRepository) copyOf(t testing.TB) testRepository {
	t.Helper()
	file := filepath.Join(t.TempDir(), "copy.db")
	s.do(t, "VACUUM INTO '"+file+"'")
	return openTestRepository(t, "sqlite:"+file)
}

// A copy has the same id. While the other database has a worker, the copy is refused. When the other is silent, the copy gets the
// orders, and the log names the events that are missing in it.
func TestO1CopiedDatabase(t *testing.T) {
	t.Parallel()
	store, one := newShop(), newSQLite(t)
	store.sale(t, "a", 1000, time.Hour)
	stop := work(t, store, one)
	store.buy(t, "a", 1)
	one.comesTo(t, "a", map[State]int{Pending: 1})
	two := one.copyOf(t)
	store.buy(t, "a", 2)
	one.comesTo(t, "a", map[State]int{Pending: 3})
	allDone(t, store, "a")
	if err := <-run(t, store, two, io.Discard); !errors.Is(err, ErrConfig) || !contains(err.Error(), "copy of this database") {
		t.Fatalf("%v", err)
	}
	stop()
	var log diary
	run(t, store, two, &log)
	eventually(t, "the move is named", func() bool { return log.says("from now on", two.Repository.(*sqlite).file) })
	eventually(t, "what is missing is named", func() bool { return log.says("lost orders", `"first":2`, `"last":2`) })
	store.buy(t, "a", 4)
	two.comesTo(t, "a", map[State]int{Pending: 5})
	if _, err := os.Stat(two.Repository.(*sqlite).file); err != nil {
		t.Error(err)
	}
}

// The database goes back in time while its worker lives.
func TestO1DatabaseThatForgot(t *testing.T) {
	t.Parallel()
	store, repo := newShop(), newSQLite(t)
	store.sale(t, "a", 1000, time.Hour)
	var log diary
	run(t, store, repo, &log)
	store.buy(t, "a", 1)
	store.buy(t, "a", 1)
	repo.comesTo(t, "a", map[State]int{Pending: 2})
	allDone(t, store, "a")
	repo.do(t, "UPDATE spike_marks SET number = 1")
	repo.do(t, "DELETE FROM orders WHERE serial = 2")
	time.Sleep(2 * brisk.check)
	store.buy(t, "a", 1)
	eventually(t, "what is missing is named", func() bool { return log.says("lost orders", `"first":2`, `"last":2`) })
	repo.comesTo(t, "a", map[State]int{Pending: 2})
}

// Off loopback the operators' side needs a token; health needs none.
func TestO6AdminOffLoopbackWithAToken(t *testing.T) {
	t.Parallel()
	_, port, _ := net.SplitHostPort(freeAddr(t))
	store, repo := newShop(), newSQLite(t)
	if err := <-run(t, store, repo, io.Discard, func(c *Config) { c.Admin = "0.0.0.0:0" }); !errors.Is(err, operators.ErrAdmin) {
		t.Errorf("without a token: %v", err)
	}
	run(t, store, repo, io.Discard, func(c *Config) { c.Admin, c.AdminTokens = "0.0.0.0:"+port, loopback.NewTokens("sesame") })
	ask := func(path, token string) (code int) {
		q, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+port+path, nil)
		q.Host = "pod.example"
		if token != "" {
			q.Header.Set("Authorization", token)
		}
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			return 0
		}
		_ = r.Body.Close()
		return r.StatusCode
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	eventually(t, "it is ready", func() bool { return ask("/readyz", "") == 200 })
	for _, c := range []struct {
		path, token string
		want        int
	}{
		{"/healthz", "", 200}, {"/metrics", "", 401}, {"/metrics", "Bearer sesam", 401}, {"/metrics", "sesame", 401},
		{"/metrics", "Bearer sesame", 200},
	} {
		if got := ask(c.path, c.token); got != c.want {
			t.Errorf("%s with %q: %d, want %d", c.path, c.token, got, c.want)
		}
	}
}
