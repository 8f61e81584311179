//go:build e2e

package main

import (
	"bufio"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// Many sales in one store, among many other keys.

// startBusyRedis starts a Redis with n keys that belong to no sale.
func startBusyRedis(t testing.TB, n int) redisServer {
	t.Helper()
	addr := rigtest.StartRedis(t, "--enable-debug-command", "local").Addr
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	_, _ = fmt.Fprintf(c, "DEBUG POPULATE %d foreign 10\r\n", n)
	if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || line != "+OK\r\n" {
		t.Fatalf("%q %v", line, err)
	}
	return redisAt(t, addr)
}

// steps returns how many steps of a walk over all keys Redis has done.
func (r redisServer) steps(t testing.TB) int {
	t.Helper()
	info, err := r.do(t, "INFO", "commandstats").ToString()
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`cmdstat_scan:calls=(\d+)`).FindStringSubmatch(info)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// A2: tokens are looked up and paid at an edge that has not opened their sales, beside many foreign keys. No walk over the
// keys delays them.
func TestA2ConfirmBesideForeignKeys(t *testing.T) {
	t.Parallel()
	keys, sales := 500_000, 100
	if long() {
		keys, sales = 5_000_000, 2015
	}
	redis := startBusyRedis(t, keys)
	seller := startEdge(t, "--redis", redis.addr)
	var tokens []string
	for i := range sales {
		name := fmt.Sprint("s", i)
		if i%2 == 0 {
			if _, err := redis.Create(t.Context(), name, ledger.CreateRequest{Total: 5, Hold: time.Hour}); err != nil {
				t.Fatal(err)
			}
		} else {
			redis.hmset(t, name, "5")
		}
		if i%10 < 2 {
			tokens = append(tokens, rigtest.Bought(seller.buy(t, name)).Token)
		}
	}
	other := startEdge(t, "--redis", redis.addr)
	still, since := -1, time.Now() // until no walk runs in the background
	eventually(t, 5*time.Minute, "walks end", func() bool {
		if n := redis.steps(t); n != still {
			still, since = n, time.Now()
		}
		return time.Since(since) > time.Second
	})
	slowest := time.Duration(0)
	for i, token := range tokens {
		began := time.Now()
		if i%3 == 0 {
			if status, _, body := get(t, "GET", "http://"+other.addr+"/v1/reservations/"+token); status != 200 {
				t.Errorf("look: %d %s", status, body)
			}
		}
		other.confirm(t, token)
		slowest = max(slowest, time.Since(began))
	}
	if n := redis.steps(t) - still; n != 0 {
		t.Errorf("%d steps of a walk for %d confirms", n, len(tokens))
	}
	t.Logf("%d confirms, the slowest in %v", len(tokens), slowest)
	if out := mustSpike(t, "sale", "list", "--redis", redis.addr); strings.Count(out, "\n") != 1+sales {
		t.Errorf("%d sales are listed", strings.Count(out, "\n")-1)
	}
}

// A4: one client reads the stock of many sales. The number of scripts is bounded.
func TestA4ReadingManySalesIsBounded(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	const sales = 400
	for i := range sales {
		redis.hmset(t, fmt.Sprint("s", i), "5")
	}
	e := startEdge(t, "--redis", redis.addr)
	before, began, n := redis.scripts(t), time.Now(), 0
	for clock := time.Tick(time.Second / 300); time.Since(began) < 6*time.Second; <-clock {
		if status, _, body := get(t, "GET", fmt.Sprintf("http://%s/v1/sales/s%d", e.addr, n%sales)); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		n++
	}
	scripts := redis.scripts(t) - before
	t.Logf("%d scripts for %d reads in %v", scripts, n, time.Since(began))
	if scripts > 2*sales {
		t.Errorf("%d scripts for %d sales in which nothing happens", scripts, sales)
	}
}

// A4: an edge and an order worker have many idle sales that have sold before. They run next to no scripts.
func TestA4IdleSalesCostNextToNothing(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	const sales = 200
	e := startEdge(t, "--redis", redis.addr)
	startOrders(t, "--redis", redis.addr, "--db", "sqlite:"+t.TempDir()+"/o.db")
	for i := range sales {
		redis.hmset(t, fmt.Sprint("s", i), "5")
		get(t, "GET", e.buyURL(fmt.Sprint("s", i)))
	}
	eventually(t, 2*time.Minute, "idle sales cost next to nothing", func() bool {
		before, began := redis.scripts(t), time.Now()
		time.Sleep(4 * time.Second)
		each := float64(redis.scripts(t)-before) / time.Since(began).Seconds()
		t.Logf("%.1f scripts a second", each)
		return each < 10
	})
}
