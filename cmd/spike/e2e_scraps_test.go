//go:build e2e

package main

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"spike/bench/load"
)

// Buyers of six at one edge must not keep the last units from buyers of one at another.
func TestBuyersOfManyKeepNothing(t *testing.T) {
	redis := startRedis(t)
	many, one := startEdge(t, "--redis", redis.addr), startEdge(t, "--redis", redis.addr)
	for _, total := range []int{1, 2, 5} {
		sale := fmt.Sprintf("s%d", total)
		redis.hmset(t, sale, fmt.Sprint(total), "0")
		ctx, cancel := context.WithCancel(context.Background())
		var crowdOfMany sync.WaitGroup
		crowdOfMany.Go(func() {
			_, _ = load.Run(ctx, load.Options{URLs: []string{many.buyURL(sale) + "?n=6"}, Connections: 4, Requests: 1 << 20, Rate: 200})
		})
		time.Sleep(time.Second)
		won := 0
		eventually(t, 5*time.Second, fmt.Sprintf("all %d are sold", total), func() bool {
			w, _ := crowd(t, 5, 1, one.buyURL(sale))
			won += len(w.owner)
			return won == total
		})
		cancel()
		crowdOfMany.Wait()
	}
}
