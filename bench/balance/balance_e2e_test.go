//go:build e2e

package balance

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestBalance is a small run of the whole. Every request is answered, and the right edge counts it.
func TestBalance(t *testing.T) {
	bin, dir := os.Getenv("SPIKE_BIN"), t.TempDir()
	if bin == "" {
		t.Fatal("SPIKE_BIN names no binary: make e2e sets it")
	}
	const requests = 2000
	out, err := exec.Command(bin, "bench", "balance", "--rounds", "1", "--requests", "2000", "--connections", "64",
		"--out", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var r struct {
		Summaries []Summary
		Samples   []Sample
	}
	text, err := os.ReadFile(filepath.Join(dir, "balance.json"))
	if err != nil || json.Unmarshal(text, &r) != nil || len(r.Summaries) != len(Ways()) || len(r.Samples) != 2*len(Ways()) {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, s := range r.Samples {
		if s.Answered != requests || s.faulty() != 0 {
			t.Errorf("%+v", s)
		}
		if s.Cost.Nginx <= 0 || s.Cost.Servers <= 0 {
			t.Errorf("%s cost nothing: %+v", s.Way, s.Cost)
		}
	}
	by := map[string]Summary{}
	for _, s := range r.Summaries {
		by[s.Way] = s
	}
	for way, want := range map[string][edges]int64{RoundRobin: {1000, 1000, 1000, 1000}, Weighted: {400, 800, 1200, 1600}} {
		if got := by[way]; [edges]int64(got.Counts) != want || got.Jain < 0.9999 {
			t.Errorf("%s: %v, Jain %v", way, got.Counts, got.Jain)
		}
	}
	if s := by[OneNetwork]; s.Jain > 0.2501 { // one edge gets all of a network
		t.Errorf("%+v", s)
	}
	for _, way := range []string{IPHash, BuyerHash} { // a hash over many clients must leave no edge out
		if s := by[way]; s.Deviation > 80 {
			t.Errorf("%s: %v", way, s.Counts)
		}
	}
}
