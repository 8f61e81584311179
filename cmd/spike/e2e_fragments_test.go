//go:build e2e

package main

import (
	"fmt"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
)

// Buyers of six at one edge must not keep the last units from buyers of one at another edge.
func TestBuyersOfManyKeepNothing(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	many, one := startEdge(t, "--redis", redis.addr), startEdge(t, "--redis", redis.addr)
	for _, total := range []int{1, 2, 5} {
		sale := fmt.Sprintf("s%d", total)
		redis.hmset(t, sale, fmt.Sprint(total))
		_, stop := rigtest.StartCrowd(t, rigtest.CrowdOptions{URLs: []string{many.buyURL(sale) + "?n=6"}, Connections: 4, Rate: 200})
		time.Sleep(time.Second)
		won := 0
		eventually(t, noticed, fmt.Sprintf("all %d are sold", total), func() bool {
			w, _ := rigtest.Crowd(t, 5, 1, one.buyURL(sale))
			won += w.Count(rigtest.Won)
			return won == total
		})
		stop()
	}
}

// The last units in a row are sold to buyers of as many. A buyer after them costs Redis no script.
func TestLastUnitsInARowAreSold(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	edge := startEdge(t, "--redis", redis.addr)
	for _, c := range []struct{ total, n int }{{2, 2}, {100, 100}, {10, 5}, {200, 50}, {1000, 100}} {
		sale := fmt.Sprintf("s%d", c.total)
		redis.hmset(t, sale, fmt.Sprint(c.total))
		url := fmt.Sprintf("%s?n=%d", edge.buyURL(sale), c.n)
		if w, _ := rigtest.Crowd(t, int64(2*c.total/c.n), 1, url); w.Count(rigtest.Won) != c.total/c.n {
			t.Errorf("%d buys of %d from %d units", w.Count(rigtest.Won), c.n, c.total)
		}
		redis.audit(t, sale)
	}
	redis.hmset(t, "odd", "99")
	before, began := redis.scripts(t), time.Now()
	if w, _ := rigtest.Crowd(t, 20_000, 16, edge.buyURL("odd")+"?n=100"); w.Count(rigtest.Won) != 0 {
		t.Error("99 units are not 100")
	}
	if n, most := redis.scripts(t)-before, 200+100*int(time.Since(began)/time.Second); n > most { // it looks now and then
		t.Errorf("%d scripts to say so 20,000 times, at most %d", n, most)
	}
	if w, _ := rigtest.Crowd(t, 500, 8, edge.buyURL("odd")); w.Count(rigtest.Won) != 99 {
		t.Errorf("%d of 99 to buyers of one", w.Count(rigtest.Won))
	}
}
