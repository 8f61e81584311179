//go:build chaos

package chaos

import (
	"testing"
	"time"
)

// The wire between the edges and Redis is bad in every way, for a few seconds in full sale.
// It proves G20.
func TestBadWire(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		deaf   bool // no answer of Redis comes through, so nobody can know that nothing is left
		toxics []Toxic
	}{
		{"latency", false, []Toxic{
			{"latency", "upstream", map[string]int{"latency": 80, "jitter": 60}},
			{"latency", "downstream", map[string]int{"latency": 80, "jitter": 60}}}},
		{"cut", true, []Toxic{
			{"reset_peer", "upstream", map[string]int{"timeout": 0}},
			{"reset_peer", "downstream", map[string]int{"timeout": 0}}}},
		{"half open", true, []Toxic{{"timeout", "upstream", map[string]int{"timeout": 0}}}},
		{"dropped replies", true, []Toxic{{"timeout", "downstream", map[string]int{"timeout": 0}}}},
		{"slow drip", false, []Toxic{
			{"slicer", "upstream", map[string]int{"average_size": 64, "size_variation": 32, "delay": 500}},
			{"bandwidth", "downstream", map[string]int{"rate": 8}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			try(t, ofOthers, func(s *shop) {
				redis := s.lone()
				wire := NewWire(s.t, redis.Addr)
				s.open(redis.Addr, wire.Addr)
				s.strike(func() { wire.Poison(c.toxics...) })
				s.pause(500*time.Millisecond, Lease+2*time.Second)
				if c.deaf {
					s.silentUntilNow()
				}
				wire.Cure()
				s.finish(s.healing())
			})
		})
	}
}
