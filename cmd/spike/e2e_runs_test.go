//go:build e2e

package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// Row P7: buyers of two and of five come when 1,500 single free units are in front. They are served at once, with a limit per
// buyer and without.
func TestP7RunsAreFoundAtOnce(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	edge := startEdge(t, "--redis", redis.addr)
	for _, limit := range []uint32{0, 50} {
		sale := fmt.Sprintf("runs%d", limit)
		scatter(t, redis.Store, sale, 1500, 500, limit)
		for k := range 40 {
			n := 2 + 3*(k%2)
			if a := edge.buy(t, fmt.Sprintf("%s?n=%d", sale, n), "X-Buyer-Id", fmt.Sprintf("buyer%d", k)); a.Word() != rigtest.Won {
				t.Errorf("limit %d: buyer %d of %d hears %v", limit, k, n, a)
			}
		}
		redis.audit(t, sale)
	}
}

// scatter makes a sale that has n single free units in front, and rest units in a row behind them.
func scatter(t *testing.T, store ledger.Store, sale string, n, rest uint64, limit uint32) {
	t.Helper()
	q := ledger.CreateRequest{Total: 2*n + rest, Hold: time.Hour, Limit: limit}
	if _, err := store.Create(t.Context(), sale, q); err != nil {
		t.Fatal(err)
	}
	var bought []ledger.Claim
	for k := range 2 * n {
		q := ledger.DeductRequest{N: 1, Nonce: k + 1, Buyer: ledger.Buyer{1, byte(k >> 8), byte(k)}}
		r, err := store.Deduct(context.Background(), sale, q)
		if err != nil || r.Answer != ledger.Granted {
			t.Fatal(r, err)
		}
		bought = append(bought, r.Claim)
	}
	for _, c := range bought {
		if c.Serial%2 == 0 {
			continue
		}
		if _, err := store.Cancel(context.Background(), sale, 0, c); err != nil {
			t.Fatal(err)
		}
	}
}
