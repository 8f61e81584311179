//go:build chaos

package chaos

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"spike/bench/process"
	"spike/luascripts/ledger"
)

// Lease is how long the edges' leases last: the shortest allowed, so that runs are short.
const Lease = 3 * time.Second

// Edge is a running `spike serve` with a directory for its ring.
type Edge struct {
	*part
	Endpoint
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
	e := &Edge{Endpoint: Endpoint{Name: name, Buyers: freeAddr(t), Operators: freeAddr(t)}}
	dir = filepath.Join(dir, name)
	args = append([]string{"serve", "--drain", "500ms", "--node", name, "--listen", e.Buyers, "--admin", e.Operators,
		"--redis", redis, "--lease", Lease.String(), "--data", filepath.Join(dir, "data")}, args...)
	e.part = idlePart(t, e.Buyers+","+e.Operators, process.Spec{Name: name, Path: binary(t), Dir: dir, Args: args},
		process.Answers("http://"+e.Operators+"/readyz", http.StatusOK))
	return e
}

// binary is the path of the tested spike.
func binary(t testing.TB) string {
	t.Helper()
	bin := os.Getenv("SPIKE_BIN")
	if bin == "" {
		t.Fatal("SPIKE_BIN names no binary: make chaos sets it")
	}
	return bin
}

// CreateSale makes a sale as an operator does. If the store is too slow to answer, it is asked again.
func CreateSale(t testing.TB, redis, sale, units, hold string, args ...string) {
	t.Helper()
	const notReached, tries = 3, 5
	args = append([]string{"sale", "create", sale, "--total", units, "--hold", hold, "--redis", redis}, args...)
	for try := 1; ; try++ {
		out, err := exec.Command(binary(t), args...).CombinedOutput()
		var exit *exec.ExitError
		switch {
		case err == nil:
			return
		case errors.As(err, &exit) && exit.ExitCode() == notReached && try < tries:
			continue
		case try > 1 && exec.Command(binary(t), "sale", "show", sale, "--redis", redis).Run() == nil:
			return
		}
		t.Fatalf("sale create: %v\n%s", err, out)
	}
}

// Audit audits a sale as an operator does. known is false if the store does not answer now.
func Audit(t testing.TB, redis, sale string) (a ledger.Audit, known bool) {
	t.Helper()
	out, err := exec.Command(binary(t), "audit", sale, "--json", "--redis", redis).Output()
	if json.Unmarshal(out, &a) != nil {
		return a, false
	}
	if err != nil && a.OK {
		t.Errorf("spike audit: %v, though all is well: %s", err, out)
	}
	return a, true
}
