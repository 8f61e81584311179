//go:build e2e

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"spike/bench/load"
	"spike/luascripts/redistest"
)

// leavers ask for something over a connection of their own, again and again, until they are refused.
type leavers struct {
	refused, reset, answered atomic.Int64
	odd                      sync.Map
}

// run sends requests over a new connection each, or over one that is kept as long as the edge keeps it, with pauses.
func (l *leavers) run(ctx context.Context, url string, kept bool, pause time.Duration) {
	transport := &http.Transport{DisableKeepAlives: !kept, MaxIdleConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 20 * time.Second}
	for ctx.Err() == nil {
		q, _ := http.NewRequestWithContext(ctx, http.MethodPost, url, nil) // a POST is not sent again by the client
		r, err := client.Do(q)
		switch {
		case err == nil:
			l.answered.Add(1)
			_ = r.Body.Close()
		case errors.Is(err, syscall.ECONNREFUSED):
			l.refused.Add(1)
			return
		case ctx.Err() == nil:
			l.reset.Add(1)
			l.odd.Store(err.Error(), true)
		}
		time.Sleep(pause)
	}
}

// Row D11: SIGTERM in full load resets nobody: who was let in is answered, whether the kernel has let him in or the edge; others
// are refused.
func TestD11NobodyIsReset(t *testing.T) {
	runs := 5
	if long() {
		runs = 30
	}
	redis := startRedis(t)
	redis.hmset(t, "ticket", "100", "0")
	total := &leavers{}
	for range runs {
		edge := startEdge(t, "--redis", redis.addr)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		var asking sync.WaitGroup
		for range 96 {
			asking.Go(func() { total.run(ctx, edge.buyURL("ticket"), false, 0) })
		}
		for i := range 64 { // some of them idle as the edge ends
			asking.Go(func() { total.run(ctx, edge.buyURL("ticket"), true, time.Duration(i)*10*time.Millisecond) })
		}
		before := total.answered.Load()
		eventually(t, patience, "it is in full load", func() bool { return total.answered.Load() > before+5_000 })
		edge.stop(t)
		asking.Wait()
		cancel()
	}
	t.Logf("%d answered, %d refused, %d reset", total.answered.Load(), total.refused.Load(), total.reset.Load())
	total.odd.Range(func(what, _ any) bool {
		t.Error(what)
		return true
	})
	if total.refused.Load() != int64(runs*160) {
		t.Errorf("%d refused, of %d who ask until they are", total.refused.Load(), runs*160)
	}
}

// defaultDrain is how long an edge drains where nothing is said.
func defaultDrain(t testing.TB) string {
	t.Helper()
	c, _, err := parse([]string{"serve"})
	if err != nil {
		t.Fatal(err)
	}
	return c.Serve.Drain.String()
}

// Row D18: edges behind nginx are restarted one after the other, each as soon as the one before is ready, in full load. No buy is
// lost: all are answered by an edge.
func TestD18RollingRestart(t *testing.T) {
	rounds := 3
	if long() {
		rounds = 15
	}
	t.Setenv("SPIKE_DRAIN", defaultDrain(t))
	for _, balance := range []string{"round-robin", "ip-hash"} {
		t.Run(balance, func(t *testing.T) {
			redis := startRedis(t)
			redis.hmset(t, "ticket", "4000000000", "0")
			dir, addr := t.TempDir(), redistest.FreeAddr(t)
			text := fmt.Sprintf("listen: %s\nbalance: %s\nworkers: 2\nedges:\n", addr, balance)
			edges := make([]*testEdge, 2)
			start := func(i int, listen, admin string) {
				edges[i] = runEdge(t, listen, admin, binary(t), "serve", "--admin", admin, "--redis", redis.addr)
			}
			for i := range edges {
				start(i, redistest.FreeAddr(t), redistest.FreeAddr(t))
				text += fmt.Sprintf("  - {addr: %s, weight: 1}\n", edges[i].addr)
			}
			write(t, filepath.Join(dir, "topology.yaml"), text)
			front := runNginx(t, dir, filepath.Join(dir, "topology.yaml"), addr)
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
			defer cancel()
			var answers, lost atomic.Int64
			result := make(chan load.Result)
			go func() {
				r, _ := load.Run(ctx, load.Options{URLs: []string{front + "/buy/ticket"}, Connections: 64, Requests: 1 << 30,
					OnAnswer: func(_ string, status int, _ []byte) {
						if answers.Add(1); status != http.StatusOK {
							lost.Add(1)
						}
					}})
				result <- r
			}()
			busy := func() {
				n := answers.Load()
				eventually(t, patience, "it is in full load", func() bool { return answers.Load() > n+500 })
			}
			busy()
			for range rounds {
				for i, e := range edges {
					e.stop(t)
					start(i, e.addr, e.admin)
				}
			}
			busy()
			cancel()
			r := <-result
			t.Logf("%d answered, %v, %v", answers.Load(), r.Statuses, r.ErrorKinds)
			delete(r.ErrorKinds, "cancelled")
			if lost.Load() > 0 || len(r.ErrorKinds) > 0 {
				text, _ := os.ReadFile(filepath.Join(dir, "error.log"))
				t.Errorf("%d buys were not answered by an edge: %v %v\n%.3000s", lost.Load(), r.Statuses, r.ErrorKinds, text)
			}
		})
	}
}
