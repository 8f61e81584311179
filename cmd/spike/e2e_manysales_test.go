//go:build e2e

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"
)

// cpu returns how long a process has been on a CPU, in ticks of 10 ms.
func cpu(t testing.TB, pid int) (ticks int) {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return ticks
}

// hmsets makes many sales as the article does.
func (r redisServer) hmsets(t testing.TB, n int) {
	t.Helper()
	for from := 0; from < n; from += 1000 {
		var cmds rueidis.Commands
		for i := from; i < min(n, from+1000); i++ {
			cmds = append(cmds, r.B().Arbitrary("HMSET", fmt.Sprintf("s%d_hash_key", i),
				"ticket_total_nums", "50", "ticket_sold_nums", "0").Build())
		}
		for _, res := range r.DoMulti(context.Background(), cmds...) {
			if err := res.Error(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// askEach sends one request for each of n.
func askEach(t testing.TB, n int, url func(int) string) {
	t.Helper()
	var next, undecided atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				r, err := http.Get(url(i))
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				_ = r.Body.Close()
				switch {
				case r.StatusCode == http.StatusServiceUnavailable: // the machine is busy
					undecided.Add(1)
				case r.StatusCode >= 300:
					t.Errorf("%s: %s", url(i), r.Status)
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	all.Wait()
	t.Logf("%d of %d heard 503", undecided.Load(), n)
}

// A3: every one of many sales is asked for at one edge. A sale costs a few kilobytes. It has a ring only while the edge holds
// something of it, and gives the ring back. Then the edge rests. The bounds are those of 10,000 sales, divided by the number
// of sales.
func TestA3ManySalesAreSmall(t *testing.T) {
	t.Parallel()
	sales := 3_000
	if long() {
		sales = 10_000
	}
	most := (30 + sales*290/10_000) << 10 // KiB
	redis := startRedis(t)
	redis.hmsets(t, sales)
	data := t.TempDir()
	edge := startEdge(t, "--redis", redis.addr, "--data", data)
	pid := edge.PID()
	askEach(t, sales, func(i int) string { return edge.buyURL(fmt.Sprint("s", i)) })
	busy := edge.resident(t) >> 10 // without garbage, of which there is more the faster the machine is
	held := len(rings(t, data))    // of 16 KiB in memory each: the faster the machine is, the more sales have one still
	t.Logf("%d MiB, %d rings", busy>>10, held)
	eventually(t, time.Minute, "the rings are given back", func() bool { return len(rings(t, data)) == 0 })
	time.Sleep(3 * time.Second)
	const idle = 10
	rest := 5 + 2*idle*sales/10_000 // ticks: 2 % of a CPU, and what an edge without sales takes, its beats among it
	ticks, scripts := 0, 0
	for range 5 { // a busy machine makes each step dearer: one quiet look is enough
		ticks, scripts = cpu(t, pid), redis.scripts(t)
		time.Sleep(idle * time.Second)
		if ticks, scripts = cpu(t, pid)-ticks, redis.scripts(t)-scripts; ticks <= rest {
			break
		}
	}
	now := 0
	eventually(t, time.Minute, "the memory is given back", func() bool { // Go gives it back slowly
		now = edge.resident(t) >> 10
		return now <= most
	})
	t.Logf("%d MiB busy, %d MiB idle, of %d; in %d s %d ms of CPU and %d scripts",
		busy>>10, now>>10, most>>10, idle, 10*ticks, scripts)
	if busy > most+16*held || scripts > sales*idle/200 {
		t.Error("too much")
	}
	if ticks > rest {
		t.Errorf("%d ms of CPU in %d s", 10*ticks, idle)
	}
}
