//go:build integration

package dashboard_test

import (
	"context"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"spike/bench/rig/rigtest"
	"spike/edge/dashboard"
	"spike/luascripts"
	"spike/luascripts/ledger"
)

func dial(t *testing.T, addr string) *luascripts.Redis {
	t.Helper()
	store, err := luascripts.Dial(t.Context(), rueidis.ClientOption{InitAddress: []string{addr}}, ledger.DefaultBounds())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store
}

func TestPageOfALiveSaleOnRedis(t *testing.T) {
	watchASale(t, dial(t, rigtest.StartRedis(t).Addr), 2)
}

// pidOf is the process of the Redis at an address.
func pidOf(t *testing.T, addr string) int {
	t.Helper()
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	info, err := c.Do(context.Background(), c.B().Info().Section("server").Build()).ToString()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(info, "process_id:")
	text, _, _ := strings.Cut(rest, "\r\n")
	pid, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// Redis stands still: looks go on, say so, and nobody is called dead. When it goes on, so do the figures.
// It proves G21.
func TestRedisStandsStill(t *testing.T) {
	addr := rigtest.StartRedis(t).Addr
	store := dial(t, addr)
	if _, err := store.Create(t.Context(), "ticket", ledger.CreateRequest{Total: 5, Hold: time.Minute}); err != nil {
		t.Fatal(err)
	}
	e := runEdge(t, store, "edge")
	page := read(t, e, "ticket")
	defer page.close()
	eventually(t, "a look with the edge in it", func() bool {
		l := page.newest()
		return l.Store.OK && len(l.Sales) == 1 && len(l.Processes) == 1
	})
	pid := pidOf(t, addr)
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(pid, syscall.SIGCONT) }()
	eventually(t, "the page says that the store is silent", func() bool { return !page.newest().Store.OK })
	silent := page.newest().Store.Silent
	eventually(t, "looks go on and the ages grow", func() bool {
		l := page.newest()
		return l.Store.Silent > silent+3000 && l.Store.Why != "" && *l.Sales[0].Age > 3000 && *l.Sales[0].Free == 5 &&
			*l.Processes[0].Age > 3000 && !l.Processes[0].Gone
	})
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the figures are fresh again", func() bool {
		l := page.newest()
		return l.Store.OK && l.Store.Silent < 2000 && *l.Sales[0].Age < 2000
	})
}

// costsPerSecond is how many commands come in a second.
func costsPerSecond(commands func() int) int {
	const seconds = 4
	before := commands()
	time.Sleep(seconds * time.Second)
	return (commands() - before - 1) / seconds
}

// A reader costs Redis a few commands a second; none is written, and nobody's absence costs nothing.
func TestWhatAReaderCosts(t *testing.T) {
	addr := rigtest.StartRedis(t).Addr
	store := dial(t, addr)
	for _, name := range []string{"a", "b", "c", "d"} {
		if _, err := store.Create(t.Context(), name, ledger.CreateRequest{Total: 5, Hold: time.Minute}); err != nil {
			t.Fatal(err)
		}
	}
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	commands := func() (n int) {
		info, err := c.Do(context.Background(), c.B().Info().Section("stats").Build()).ToString()
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(info, "total_commands_processed:")
		text, _, _ := strings.Cut(rest, "\r\n")
		n, _ = strconv.Atoi(text)
		return n
	}
	alone := costsPerSecond(commands) // what the client does by itself
	ctx, stop := context.WithCancel(context.Background())
	looker := dashboard.NewLooker(dashboard.Config{Store: store, Bounds: ledger.DefaultBounds()})
	ended := make(chan struct{})
	go func() { looker.Run(ctx); close(ended) }()
	defer func() { stop(); <-ended }()
	spent := func() int { return costsPerSecond(commands) - alone }
	if n := spent(); n > 4 { // the client's own are not as many each second
		t.Errorf("%d commands a second for nobody", n)
	}
	for range 2 {
		if _, err := looker.Look(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
	}
	n := spent()
	if n > 40 {
		t.Errorf("%d commands a second after a reader", n)
	}
	t.Logf("%d commands a second after the last reader", n)
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		for ctx.Err() == nil {
			_, _ = looker.Look(ctx, "a")
		}
	}()
	if n = spent(); n > 60 {
		t.Errorf("%d commands a second with readers", n)
	}
	t.Logf("%d commands a second with a reader", n)
	stop()
	<-reading
}
