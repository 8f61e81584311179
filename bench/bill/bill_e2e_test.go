//go:build e2e

package bill

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// billed is `spike bench bill` with these arguments.
func billed(t *testing.T, args ...string) []Sample {
	t.Helper()
	bin, dir := os.Getenv("SPIKE_BIN"), t.TempDir()
	if bin == "" {
		t.Fatal("SPIKE_BIN names no binary: make e2e sets it")
	}
	out, err := exec.Command(bin, append([]string{"bench", "bill", "--rounds", "1", "--out", dir}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var r struct{ Samples []Sample }
	text, err := os.ReadFile(filepath.Join(dir, "bill.json"))
	if err != nil || json.Unmarshal(text, &r) != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return r.Samples
}

// TestBill is a small run of the whole. Every design sells exactly its units, and every request is answered.
func TestBill(t *testing.T) {
	const requests, units = 4000, 50
	samples := billed(t, "--requests", "4000", "--units", "50", "--connections", "32")
	if len(samples) != len(Designs()) {
		t.Fatalf("%+v", samples)
	}
	for i, s := range samples {
		if s.Design != Designs()[i] || s.Load.Answered != requests || s.Won != units || s.Sold != units || len(s.Wrong) != 0 {
			t.Errorf("%+v", s)
		}
		gated := s.Design == Gate || s.Design == Limited
		if s.Cost.Nginx <= 0 || s.Cost.Servers <= 0 || s.Cost.Redis <= 0 || (s.Cost.Gate > 0) != gated {
			t.Errorf("%s: %+v", s.Design, s.Cost)
		}
		if s.Design == Edges && s.Reached != requests {
			t.Errorf("%d of %d requests reached an edge, and nobody else could answer", s.Reached, requests)
		}
		if s.Design != Article && (s.Audit == nil || !s.Audit.OK || s.Audit.Pending+s.Audit.Confirmed != units) {
			t.Errorf("%s: audit %+v", s.Design, s.Audit)
		}
	}
}

// TestGateTakesTheCrowd sends a crowd so slowly that the gate sets its flag meanwhile. nginx answers most of the crowd.
func TestGateTakesTheCrowd(t *testing.T) {
	const requests = 100_000
	samples := billed(t, "--only", "gate", "--requests", "100000", "--units", "500", "--connections", "4")
	if len(samples) != 1 || samples[0].Won != 500 || len(samples[0].Wrong) != 0 {
		t.Fatalf("%+v", samples)
	}
	if s := samples[0]; s.Reached < 500 || s.Reached >= requests*9/10 {
		t.Errorf("%d of %d requests reached an edge, in %v", s.Reached, s.Load.Answered, s.Load.Elapsed)
	}
}
