//go:build e2e

package main

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// askers send requests over their own connections, again and again, until a connection is refused.
type askers struct {
	refused, reset, answered atomic.Int64
	odd                      sync.Map
}

// run sends each request over a new connection, or over one that it keeps as long as the edge does, with pauses.
func (l *askers) run(ctx context.Context, url string, kept bool, pause time.Duration) {
	transport := &http.Transport{DisableKeepAlives: !kept, MaxIdleConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 20 * time.Second}
	for ctx.Err() == nil {
		q, _ := http.NewRequestWithContext(ctx, http.MethodPost, url, nil) // the client does not send a POST twice
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

// Row D11: SIGTERM in full load resets no connection. A connection that the kernel or the edge has accepted gets its answer;
// any other is refused.
func TestD11NobodyIsReset(t *testing.T) {
	t.Parallel()
	runs := 5
	if long() {
		runs = 30
	}
	redis := startRedis(t)
	redis.hmset(t, "ticket", "100")
	total := &askers{}
	for range runs {
		edge := startEdge(t, "--redis", redis.addr)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		var asking sync.WaitGroup
		for range 96 {
			asking.Go(func() { total.run(ctx, edge.buyURL("ticket"), false, 0) })
		}
		for i := range 64 { // some are idle when the edge ends
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
