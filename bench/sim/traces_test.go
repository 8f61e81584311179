package sim

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

// traces has the traces of the first worlds. A change of words must not change them. `go test ./bench/sim -run
// 'TestWorlds|TestTraces' -update`, and once more with -race, writes them anew.
const traces = "testdata/traces.txt"

var update = flag.Bool("update", false, "write testdata down anew")

// keepsTrace compares the trace of so many worlds with the file.
func keepsTrace(t *testing.T, r Report) {
	t.Helper()
	got := fmt.Sprintf("%d worlds: trace %016x", r.Seeds, r.Hash)
	data, err := os.ReadFile(traces)
	if err != nil && !*update {
		t.Fatal(err)
	}
	known := strings.Split(strings.TrimSpace(string(data)), "\n")
	for i, line := range known {
		if !strings.HasPrefix(line, fmt.Sprintf("%d worlds:", r.Seeds)) {
			continue
		}
		if line != got && !*update {
			t.Errorf("was %s, and is %s", line, got)
		}
		known = append(known[:i], known[i+1:]...)
		break
	}
	if *update {
		if err = os.WriteFile(traces, []byte(strings.Join(append(known, got), "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// The same for 2,000 worlds, if SPIKE_TRACES=1.
func TestTraces(t *testing.T) {
	if os.Getenv("SPIKE_TRACES") == "" && !*update {
		t.Skip("SPIKE_TRACES=1 lives 2,000 worlds")
	}
	if raceEnabled {
		t.Skip("the race detector knows no more of them")
	}
	r, err := Run(t.Context(), Options{Seeds: 2000, Workers: 2})
	if err != nil || len(r.Wrong) > 0 {
		t.Fatal(err, r.Wrong)
	}
	keepsTrace(t, r)
}
