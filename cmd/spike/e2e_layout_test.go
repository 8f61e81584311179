//go:build e2e

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"spike/bench/rig/rigtest"
)

// A ledger of another layout is refused by every part, with both layouts in the message, and the sales beside it go on. When a
// version that knows the layout reads it, everything is as it was.
func TestLedgerOfAnotherLayout(t *testing.T) {
	t.Parallel()
	for found, words := range map[string][]string{
		"0": {"HDEL", "{old_hash_key}:ledger", "layout"}, // an older version wrote no layout
		"9": {"HSET", "{old_hash_key}:ledger", "layout", "9"},
	} {
		t.Run("layout "+found, func(t *testing.T) {
			s := newLayoutStage(t)
			known, err := s.redis.do(t, "HGET", "{old_hash_key}:ledger", "layout").ToString()
			if err != nil {
				t.Fatal(err)
			}
			before := s.redis.audit(t, "old")
			s.redis.do(t, words...)
			s.refused(t, "its ledger has layout "+found+", this version of Spike knows layout "+known)
			s.redis.do(t, "HSET", "{old_hash_key}:ledger", "layout", known)
			if after := s.redis.audit(t, "old"); after.Pending != before.Pending || after.Free != before.Free {
				t.Errorf("before %+v, after %+v", before, after)
			}
			eventually(t, patience, "the order that waited is stored", func() bool { return s.worker.rows(t) == 6 })
			s.redis.do(t, words...)
			mustSpike(t, "sale", "remove", "old", "--yes", "--redis", s.redis.addr) // the way out, where nobody has that version any more
		})
	}
}

// layoutStage is a gate with its edges, and the sales old, of which a unit was sold, and new.
type layoutStage struct {
	*gateStage
	worker *testServer
}

func newLayoutStage(t *testing.T) *layoutStage {
	s := &layoutStage{gateStage: newGateStage(t, "en")}
	mustSpike(t, "sale", "create", "old", "--total", "1", "--redis", s.redis.addr)
	if w, _ := rigtest.Crowd(t, 1, 1, s.edges[0].buyURL("old")); w.Count(rigtest.Won) != 1 {
		t.Fatal("nothing was sold")
	}
	s.edges[0].stop(t)
	mustSpike(t, "sale", "create", "new", "--total", "5", "--redis", s.redis.addr)
	return s
}

// refused asks each part for the sale old, while its ledger has another layout.
func (s *layoutStage) refused(t *testing.T, says string) {
	t.Helper()
	commands := [][]string{{"audit", "old"}, {"sale", "show", "old"}, {"sale", "mend", "old"}, {"sale", "add", "old", "5"}}
	for _, command := range commands {
		_, errs, code := spike(t, append(command, "--redis", s.redis.addr)...)
		if code != exitFailed || !strings.Contains(errs, says) {
			t.Errorf("spike %v: exit %d: %s", command, code, errs)
		}
	}
	edge := startEdge(t, "--redis", s.redis.addr)
	if status, _, body := get(t, "POST", edge.buyURL("old")); status != 409 || !strings.Contains(body, says) {
		t.Errorf("an edge says %d %s", status, body)
	}
	if w, _ := rigtest.Crowd(t, 10, 2, edge.buyURL("new")); w.Count(rigtest.Won) != 5 {
		t.Errorf("of the sale beside it, %d of 5 are sold", w.Count(rigtest.Won))
	}
	s.gate.End()
	s.startGate(t)
	eventually(t, patience, "the gate flags the sale beside it", func() bool { return s.flagged("new", "*") })
	if s.flagged("old", "*") {
		t.Error("the gate flags a sale that it cannot read")
	}
	s.worker = startOrders(t, "--redis", s.redis.addr, "--db", "sqlite:"+filepath.Join(t.TempDir(), "orders.db"))
	eventually(t, patience, "the order worker names the layouts", func() bool {
		return strings.Contains(s.worker.Output(), says)
	})
	eventually(t, patience, "the orders of the sale beside it are stored", func() bool { return s.worker.rows(t) == 5 })
}

// rows is how many rows an order worker has written.
func (e *testServer) rows(t testing.TB) int { return int(e.metrics(t).Sum("spike_orders_rows_total")) }
