package chaos

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"spike/bench/process"
	"spike/luascripts"
)

// Lease is how long the edges' leases last: the shortest there is, so that runs are short.
const Lease = 3 * time.Second

// Edge is a running `spike serve` with a directory for its ring.
type Edge struct {
	*part
	Door
}

// NewEdge starts one.
func NewEdge(t testing.TB, dir, name, redis string, args ...string) *Edge {
	t.Helper()
	e := &Edge{Door: Door{Name: name, Buyers: freeAddr(t), Operators: freeAddr(t)}}
	dir = filepath.Join(dir, name)
	e.part = newPart(t, process.Spec{Name: name, Path: binary(t), Dir: dir, Args: append([]string{"serve", "--node", name,
		"--listen", e.Buyers, "--admin", e.Operators, "--redis", redis, "--lease", Lease.String(),
		"--data", filepath.Join(dir, "data")}, args...)}, process.Answers("http://"+e.Operators+"/readyz", http.StatusOK))
	return e
}

// binary is the spike that is tried.
func binary(t testing.TB) string {
	t.Helper()
	bin := os.Getenv("SPIKE_BIN")
	if bin == "" {
		t.Fatal("SPIKE_BIN names no binary: make chaos sets it")
	}
	return bin
}

// CreateSale makes a sale as an operator does.
func CreateSale(t testing.TB, redis, sale, units, hold string) {
	t.Helper()
	out, err := exec.Command(binary(t), "sale", "create", sale, "--total", units, "--hold", hold, "--redis", redis).CombinedOutput()
	if err != nil {
		t.Fatalf("sale create: %v\n%s", err, out)
	}
}

// Audit counts a sale as an operator does. Not known: nobody answers just now.
func Audit(t testing.TB, redis, sale string) (a luascripts.Audit, known bool) {
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
