package dashboard_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"spike/bench/rig/rigtest"
	"spike/edge"
	"spike/edge/dashboard"
	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// running is an edge, by the addresses of its two sides.
type running struct{ buyers, operators string }

// runEdge runs an edge until the test ends.
func runEdge(t *testing.T, store ledger.Store, node string) running {
	t.Helper()
	e := running{rigtest.FreeAddr(t), rigtest.FreeAddr(t)}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- edge.Run(ctx, edge.Config{Listen: e.buyers, Admin: e.operators, Node: node, Ack: edge.AckEdge, Lang: "en",
			Lease: 5 * time.Second, Grace: 10 * time.Second, Bounds: ledger.DefaultBounds(), StoreKind: "test",
			Version: "v1"}, store, zerolog.Nop())
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	eventually(t, "the edge is ready", func() bool {
		r, err := http.Get("http://" + e.operators + "/readyz")
		if err == nil {
			_ = r.Body.Close()
		}
		return err == nil && r.StatusCode == http.StatusOK
	})
	return e
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("in vain: " + what)
		}
	}
}

const buyEvery = 20 * time.Millisecond // of one buyer: the sale lasts some seconds

// buys sends n buys by several buyers, and counts those that won.
func buys(t *testing.T, edges []running, n int) (won int) {
	var all sync.WaitGroup
	var mu sync.Mutex
	for b := range 8 {
		all.Go(func() {
			for i := range n / 8 {
				time.Sleep(buyEvery)
				r, err := http.Get("http://" + edges[(b+i)%len(edges)].buyers + "/buy/ticket")
				if err != nil {
					t.Error(err)
					return
				}
				body, _ := io.ReadAll(r.Body)
				_ = r.Body.Close()
				if strings.Contains(string(body), `"code":1`) {
					mu.Lock()
					won++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	return won
}

// reader keeps the looks of a stream.
type reader struct {
	mu    sync.Mutex
	seen  []dashboard.Look
	close func()
}

func read(t *testing.T, e running, sale string) *reader {
	ctx, stop := context.WithCancel(context.Background())
	q, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+e.operators+"/events?sale="+sale, nil)
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	keeps, ended := &reader{}, make(chan struct{})
	go func() {
		defer close(ended)
		lines := bufio.NewReader(r.Body)
		for line, err := lines.ReadString('\n'); err == nil; line, err = lines.ReadString('\n') {
			var l dashboard.Look
			if data, is := strings.CutPrefix(line, "data: "); is && json.Unmarshal([]byte(data), &l) == nil {
				keeps.mu.Lock()
				keeps.seen = append(keeps.seen, l)
				keeps.mu.Unlock()
			}
		}
	}()
	keeps.close = func() {
		stop()
		<-ended
		_ = r.Body.Close()
	}
	return keeps
}

// newest is the newest look, if there is one.
func (r *reader) newest() (l dashboard.Look) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) > 0 {
		l = r.seen[len(r.seen)-1]
	}
	return l
}

const stock = 1500

// watchASale sells a sale out at some edges while a page reads. In every look the places add up; in the end the page tells what
// buyers were told.
func watchASale(t *testing.T, store ledger.Store, count int) {
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	if _, err := store.Create(t.Context(), "ticket", ledger.CreateRequest{Total: stock, Hold: time.Hour}); err != nil {
		t.Fatal(err)
	}
	var edges []running
	for i := range count {
		edges = append(edges, runEdge(t, store, fmt.Sprintf("edge-%d", i)))
	}
	page := read(t, edges[0], "ticket")
	defer page.close()
	eventually(t, "a look", func() bool { return len(page.newest().Sales) == 1 })
	won := 0
	for range 20 { // a buy may find its edge empty while another one still holds units
		if won += buys(t, edges, 800); won >= stock {
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	if won != stock {
		t.Errorf("%d of %d won", won, stock)
	}
	eventually(t, "the page tells what buyers were told", func() bool {
		l := page.newest()
		if len(l.Sales) != 1 || len(l.Processes) < count {
			return false
		}
		s := l.Sales[0]
		return *s.Pending == stock && s.Buys["won"] == stock && s.Won != nil && l.Store.OK && l.Processes[0].Ready && l.Detail != nil
	})
	page.mu.Lock()
	defer page.mu.Unlock()
	midway := 0
	for _, l := range page.seen {
		for _, s := range l.Sales {
			if sum := *s.Free + *s.Leased + *s.Limbo + *s.Pending + *s.Confirmed; sum != *s.Total || sum != stock {
				t.Errorf("a look does not add up: %+v", s)
			}
			if *s.Pending > 0 && *s.Pending < stock {
				midway++
			}
		}
	}
	if midway < 2 {
		t.Errorf("%d looks while it sold", midway)
	}
	t.Logf("%d looks, %d while it sold", len(page.seen), midway)
}

func TestPageOfALiveSale(t *testing.T) {
	watchASale(t, memory.New(ledger.DefaultBounds(), time.Now), 2)
}
