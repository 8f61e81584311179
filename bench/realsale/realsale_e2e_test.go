//go:build e2e

package realsale

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestEveryBuyerHearsThePhase is a small run of the whole, with two programs. Every kind of sale is brought into each phase, and
// the edge's counter says that every buyer heard what the phase says.
func TestEveryBuyerHearsThePhase(t *testing.T) {
	bin, dir := os.Getenv("SPIKE_BIN"), t.TempDir()
	if bin == "" {
		t.Fatal("SPIKE_BIN names no binary: make e2e sets it")
	}
	out, err := exec.Command(bin, "bench", "real", "--base", bin, "--rounds", "1", "--duration", "200ms", "--connections", "8",
		"--edge-arg=--drain=0s", "--out", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var r struct{ Samples []Sample }
	text, err := os.ReadFile(filepath.Join(dir, "real.json"))
	if err != nil || json.Unmarshal(text, &r) != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if want := (Options{Rounds: 1, Base: bin}).steps(); len(r.Samples) != want {
		t.Fatalf("%d samples, not %d", len(r.Samples), want)
	}
	for _, s := range r.Samples {
		if s.Load.Answered == 0 || s.Right != s.Load.Answered || s.Faulty() != 0 || s.CPU <= 0 || s.RedisCPU <= 0 {
			t.Errorf("%+v", s)
		}
		if sold := s.Sold; (s.Phase == Selling) != (sold > 0) || s.Phase == Selling && sold != s.Load.Answered {
			t.Errorf("%s, %s: %d sold to %d buyers", s.Phase, s.Kind, sold, s.Load.Answered)
		}
	}
}
