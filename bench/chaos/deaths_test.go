//go:build chaos

package chaos

import (
	"testing"
	"time"
)

func (s *shop) lone() *Node { return NewNode(s.t, s.dir, "redis", durable...) }

// An edge is killed by kill -9 and comes back on its data. Every winner's token is good, and every unit has one owner.
// It proves G8.
func TestEdgeKilledAndBack(t *testing.T) {
	try(t, ofEdges, func(s *shop) {
		redis := s.lone()
		s.open(redis.Addr, redis.Addr)
		edge := s.victim()
		s.strike(edge.End)
		s.pause(0, time.Second)
		edge.Start()
		s.finish(s.healing())
	})
}

// throng is how many buyers wait at a stopped edge, so that it serves some before it has looked at the clock.
const throng = 64

// An edge never comes back. The others sell its units when its lease, its winners' holds and the margins are over (I15). Its
// winners who show their tokens in time keep their units.
// It proves G9.
func TestEdgeKilledForGood(t *testing.T) {
	try(t, ofEdges, func(s *shop) {
		s.hold = 2 * short // some tokens outlast the lease
		redis := s.lone()
		s.open(redis.Addr, redis.Addr)
		s.strike(s.victim().End)
		s.finish(Lease + s.hold + 2*margin + slow + s.pace())
	})
}

// slow is a timeout on a busy machine.
const slow = 10 * time.Second

// An edge is stopped for longer than its lease. When it wakes up, it must have nothing to sell. Buyers wait for it all the
// while.
// It proves G17.
func TestEdgeStopped(t *testing.T) {
	try(t, ofOthers, func(s *shop) {
		s.timeout = 20 * time.Second
		redis := s.lone()
		s.open(redis.Addr, redis.Addr)
		at := s.rnd.IntN(len(s.edges))
		edge := s.edges[at]
		s.strike(edge.Pause)
		s.crowd.Throng(at, throng)
		s.pause(Lease+margin, Lease+s.hold+6*margin) // in limbo, or sold by others since
		edge.Resume()
		s.finish(s.healing())
	})
}
