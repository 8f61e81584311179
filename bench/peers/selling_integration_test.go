//go:build integration

package peers

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"spike/bench/crowd"
	"spike/bench/rig"
	"spike/bench/rig/rigtest"
)

// start runs a peer in this process and returns its URL.
func start(t *testing.T, name string, o Options) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, name, o) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%s ended with %v", name, err)
		}
	})
	url := "http://" + o.Listen + buyPath
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		r, err := crowd.Run(ctx, crowd.Options{URLs: []string{"http://" + o.Listen + "/ready"}, Connections: 1, Requests: 1})
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("%s is not ready: %v %+v", name, err, r)
		}
		if r.Answered == 1 {
			return url
		}
	}
}

func TestSellsExactlyTheStock(t *testing.T) {
	const stock, requests = 1009, 5000
	for _, c := range []struct {
		name       string
		localStock int64
		wantWins   int64
	}{
		{OneScript, 0, stock},
		{Article, 1 << 40, stock}, // Redis decides
		{Article, 600, 600},       // the local counter decides
	} {
		t.Run(c.name, func(t *testing.T) {
			redis, err := rig.NewRedis(rig.RedisOptions{Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			rigtest.Start(t, redis.Process)
			addr := rigtest.FreeAddr(t)
			if err = redis.CreateSale(t.Context(), sale, stock, 0); err != nil {
				t.Fatal(err)
			}
			log := filepath.Join(t.TempDir(), "stat.log")
			url := start(t, c.name, Options{Listen: addr, Redis: redis.Addr, Log: log, LocalStock: c.localStock})
			r, err := crowd.Run(t.Context(), crowd.Options{URLs: []string{url}, Connections: 32, Requests: requests})
			if err != nil || r.Codes[1] != c.wantWins || r.Codes[-1] != requests-c.wantWins {
				t.Fatalf("%+v, %v", r, err)
			}
			if sold, err := redis.Sold(t.Context(), sale); sold != c.wantWins || err != nil {
				t.Errorf("Redis says %d sold, %v", sold, err)
			}
			if c.name == Article {
				checkLog(t, log, requests, int(c.wantWins))
			}
		})
	}
}

func checkLog(t *testing.T, file string, lines, wins int) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b, []byte("\n")); n != lines {
		t.Errorf("%d lines for %d requests", n, lines)
	}
	if n := bytes.Count(b, []byte("result:1,localSales:")); n != wins {
		t.Errorf("%d lines of wins for %d wins", n, wins)
	}
}
