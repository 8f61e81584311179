//go:build chaos

package chaos

import (
	"testing"
	"time"
)

func (s *shop) lone() *Node { return NewNode(s.t, s.dir, "redis", durable...) }

// kill -9 of an edge that comes back on its data: every winner's token is good, every unit has one owner.
func TestEdgeKilledAndBack(t *testing.T) {
	try(t, ofEdges, func(s *shop) {
		redis := s.lone()
		s.open(redis.Addr, redis.Addr)
		edge := s.victim()
		s.strike(edge.Kill)
		s.pause(0, time.Second)
		edge.Start()
		s.finish(s.healing())
	})
}

// throng is how many stand before a stopped edge, so that some are served before it has looked at the clock.
const throng = 64

// An edge that never comes back: the others sell what it held, when its lease, its winners' holds and the margins are over
// (I15); its winners who show their tokens in time have their units.
func TestEdgeKilledForGood(t *testing.T) {
	try(t, ofEdges, func(s *shop) {
		s.hold = 2 * short // some tokens are good when the lease is not any more
		redis := s.lone()
		s.open(redis.Addr, redis.Addr)
		s.strike(s.victim().Kill)
		s.finish(Lease + s.hold + 2*margin + slow + s.pace())
	})
}

// slow is for a machine that has other things to do.
const slow = 10 * time.Second

// An edge that is stopped beyond its lease and wakes up has nothing to sell. Buyers wait for it all the while.
func TestEdgeStopped(t *testing.T) {
	try(t, ofOthers, func(s *shop) {
		s.timeout = 20 * time.Second
		redis := s.lone()
		s.open(redis.Addr, redis.Addr)
		door := s.rnd.IntN(len(s.edges))
		edge := s.edges[door]
		s.strike(edge.Pause)
		s.crowd.Throng(door, throng)
		s.pause(Lease+margin, Lease+s.hold+6*margin) // in limbo, or sold by others since
		edge.Resume()
		s.finish(s.healing())
	})
}
