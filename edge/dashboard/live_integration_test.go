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

	"spike/luascripts"
	"spike/luascripts/ledger"
	"spike/luascripts/redistest"
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
	watchASale(t, dial(t, redistest.Start(t)), 2)
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
func TestRedisStandsStill(t *testing.T) {
	addr := redistest.Start(t)
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
