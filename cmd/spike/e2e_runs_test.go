//go:build e2e

package main

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"spike/luascripts/ledger"
)

// Row P7: buyers of two and of five behind 1,500 single free units are served at once, in a plain sale and in one with a
// limit per buyer.
func TestP7RunsAreFoundAtOnce(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	edge := startEdge(t, "--redis", redis.addr)
	for _, limit := range []uint32{0, 50} {
		sale := fmt.Sprintf("runs%d", limit)
		scatter(t, redis.Store, sale, 1500, 500, limit)
		for k := range 40 {
			n := 2 + 3*(k%2)
			q, err := http.NewRequest(http.MethodPost, fmt.Sprintf("%s?n=%d", edge.buyURL(sale), n), http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			q.Header.Set("X-Buyer-Id", fmt.Sprintf("buyer%d", k))
			if status, _, body := answer(t, q); status != http.StatusOK || !serialIn.MatchString(body) {
				t.Errorf("limit %d: buyer %d of %d hears %d %s", limit, k, n, status, body)
			}
		}
		redis.audit(t, sale)
	}
}

// scatter makes a sale with n single free units in front and rest in a row behind.
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
