//go:build e2e

package gatecost

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestGateCost is a small run of the whole. Every request is answered by its flag, with one sale and with many.
func TestGateCost(t *testing.T) {
	bin, dir := os.Getenv("SPIKE_BIN"), t.TempDir()
	if bin == "" {
		t.Fatal("SPIKE_BIN names no binary: make e2e sets it")
	}
	out, err := exec.Command(bin, "bench", "gate", "--quads", "1", "--duration", "1s", "--connections", "16", "--sales", "1,300",
		"--out", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var r struct{ Summaries []Summary }
	text, err := os.ReadFile(filepath.Join(dir, "gate.json"))
	if err != nil || json.Unmarshal(text, &r) != nil || len(r.Summaries) != 2 {
		t.Fatalf("%v\n%s", err, text)
	}
	for i, sales := range []int{1, 300} {
		if s := r.Summaries[i]; s.Sales != sales || s.Faulty != 0 || s.Flag.N != 2 || s.Flag.Min <= 0 || s.Ratio.N != 1 {
			t.Errorf("%+v", s)
		}
	}
}
