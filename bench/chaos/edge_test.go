//go:build chaos

package chaos

import (
	"encoding/json"
	"errors"
	"os/exec"
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
	start(e.t, e.Process)
}

// data is where an edge keeps its rings.
func (e *Edge) data() string { return filepath.Join(e.Dir, "data") }

// claims is how many claims an edge has not settled.
func (e *Edge) claims() int {
	m, _ := e.Metrics(e.t.Context())
	return int(m.Sum("spike_edge_claims"))
}

// CreateSale makes a sale as an operator does. If the store is too slow to answer, it is asked again.
func CreateSale(t testing.TB, redis, sale, units, hold string, args ...string) {
	t.Helper()
	const notReached, tries = 3, 5
	args = append([]string{"sale", "create", sale, "--total", units, "--hold", hold, "--redis", redis}, args...)
	for try := 1; ; try++ {
		_, err := rig.Run(t.Context(), "", rigtest.Binary(t), args...)
		var exit *exec.ExitError
		switch {
		case err == nil:
			return
		case errors.As(err, &exit) && exit.ExitCode() == notReached && try < tries:
			continue
		case try > 1 && created(t, redis, sale):
			return
		}
		t.Fatal(err)
	}
}

func created(t testing.TB, redis, sale string) bool {
	t.Helper()
	_, err := rig.Run(t.Context(), "", rigtest.Binary(t), "sale", "show", sale, "--redis", redis)
	return err == nil
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
