//go:build chaos

package chaos

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"spike/bench/rig"
	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// Lease is how long the edges' leases last: the shortest allowed, so that runs are short.
const Lease = 3 * time.Second

// Edge is a `spike serve` with a directory for its ring.
type Edge struct {
	*rig.Server
	Endpoint
	t testing.TB
}

// NewEdge starts an edge.
func NewEdge(t testing.TB, dir, name, redis string, args ...string) *Edge {
	t.Helper()
	e := IdleEdge(t, dir, name, redis, args...)
	e.Start()
	return e
}

// IdleEdge returns an edge that is not started yet. Its addresses are known.
func IdleEdge(t testing.TB, dir, name, redis string, args ...string) *Edge {
	t.Helper()
	s := rigtest.NewServer(t, rig.Edge, rig.Options{Name: name, Dir: dir, Redis: redis,
		Args: append([]string{"--drain", "500ms", "--node", name, "--lease", Lease.String()}, args...)})
	rigtest.Ends(t, s.Process)
	return &Edge{s, Endpoint{Name: name, Buyers: s.Addr, Operators: s.Admin}, t}
}

// Start starts the edge, for the first time or after its end, and waits until it is ready.
func (e *Edge) Start() {
	e.t.Helper()
	if err := rig.Patiently(func() error { return e.Process.Start(context.Background()) }); err != nil {
		e.t.Fatal(err)
	}
}

// data is where an edge keeps its rings.
func (e *Edge) data() string { return filepath.Join(e.Dir, "data") }

// claims is how many claims an edge has not settled.
func (e *Edge) claims() int {
	m, _ := e.Metrics(e.t.Context())
	return int(m.Sum("spike_edge_claims"))
}

// Audit audits a sale as an operator does. known is false if the store does not answer now.
func Audit(t testing.TB, redis, sale string) (a ledger.Audit, known bool) {
	t.Helper()
	out, err := rig.Run(t.Context(), "", rigtest.Binary(t), "audit", sale, "--json", "--redis", redis)
	if json.Unmarshal([]byte(out), &a) != nil {
		return a, false
	}
	if err != nil && a.OK {
		t.Errorf("spike audit: %v, though all is well: %s", err, out)
	}
	return a, true
}
