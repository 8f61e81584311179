//go:build e2e

package main

import (
	"strings"
	"testing"

	"spike/bench/rig/rigtest"
)

// Row D14: a hash that was deleted, has expired or was damaged is written again from its ledger while an edge sells. Then
// each unit is sold once, and sold units stay sold.
func TestD14HashIsMended(t *testing.T) {
	t.Parallel()
	for name, words := range map[string][]string{
		"deleted":  {"DEL", "ticket_hash_key"},
		"expired":  {"PEXPIRE", "ticket_hash_key", "1"},
		"expiring": {"EXPIRE", "ticket_hash_key", "1000"},
		"a string": {"SET", "ticket_hash_key", "x"},
		"sold":     {"HSET", "ticket_hash_key", "ticket_sold_nums", "3"},
		"hmset":    {"HSET", "ticket_hash_key", "ticket_total_nums", "5", "ticket_sold_nums", "0", "birth", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			const total = 20_000
			redis := startRedis(t)
			mustSpike(t, "sale", "create", "ticket", "--total", "20000", "--redis", redis.addr)
			edge := startEdge(t, "--redis", redis.addr)
			w, _ := rigtest.Crowd(t, 500, 8, edge.buyURL("ticket"))
			eventually(t, patience, "what was sold is settled", func() bool { return redis.sold(t, "ticket") == "500" })
			redis.do(t, words...)
			if out := mustSpike(t, "sale", "mend", "ticket", "--redis", redis.addr); !strings.Contains(out, "20000") {
				t.Errorf("it does not show the sale:\n%s", out)
			}
			won := w.Count(rigtest.Won)
			eventually(t, patience, "all is sold", func() bool {
				w, _ := rigtest.CrowdAnyway(t, 4_000, 16, edge.buyURL("ticket"))
				if won += w.Count(rigtest.Won); won > total {
					t.Fatalf("%d of %d sold", won, total)
				}
				return won == total
			})
			eventually(t, patience, "the hash says so", func() bool { return redis.sold(t, "ticket") == "20000" })
			if n, err := redis.do(t, "TTL", "ticket_hash_key").AsInt64(); n != -1 || err != nil {
				t.Errorf("it expires in %d s %v", n, err)
			}
			edge.stop(t)
			if a := redis.audit(t, "ticket"); a.Pending != total {
				t.Errorf("%+v", a)
			}
		})
	}
	redis := startRedis(t)
	_, errs, code := spike(t, "sale", "mend", "nosuch", "--redis", redis.addr)
	if code != exitFailed || !strings.Contains(errs, "does not exist") {
		t.Errorf("exit %d: %s", code, errs)
	}
	redis.hmset(t, "fresh", "5") // no edge has seen it, so it has no ledger
	_, errs, code = spike(t, "sale", "mend", "fresh", "--redis", redis.addr)
	if code != exitFailed || !strings.Contains(errs, "no ledger") {
		t.Errorf("exit %d: %s", code, errs)
	}
}
