//go:build e2e

package durable

import (
	"os"
	"testing"
	"time"
)

// TestWinsAreStoredWhenBuyersHearOfThem is a small run of the whole. Each store has, as soon as the crowd is answered, every unit
// that somebody has won. Redis was asked to wait where it has replicas, and only there.
func TestWinsAreStoredWhenBuyersHearOfThem(t *testing.T) {
	bin := os.Getenv("SPIKE_BIN")
	if bin == "" {
		t.Fatal("SPIKE_BIN names no binary: make e2e sets it")
	}
	o := Options{Binary: bin, Rounds: 1, Duration: 200 * time.Millisecond, Connections: 16, EdgeArgs: []string{"--drain=0s"}}
	samples, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(samples) != 2*len(Ways()) {
		t.Fatalf("%+v", samples)
	}
	replicas := map[string]int{}
	for _, w := range Ways() {
		replicas[w.Name] = w.Replicas
	}
	for _, s := range samples {
		if s.Won == 0 || s.Won != s.Load.Answered || s.Stored < s.Won || s.Faulty() != 0 {
			t.Errorf("%+v", s)
		}
		if waited := s.Waits > 0; waited != (replicas[s.Way] > 0) {
			t.Errorf("%s: %d waits", s.Way, s.Waits)
		}
	}
}
