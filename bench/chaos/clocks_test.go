//go:build chaos

package chaos

import (
	"testing"
	"time"

	"spike/bench/rig"
)

// Wall clocks of servers that restart.
const (
	wrong    = time.Hour
	slightly = 10 * time.Second
	put      = 300 * time.Millisecond // when a wrong clock is corrected, after its server's start
)

// P2: a primary and its replica keep dumps only, and die with all edges and their rings. The primary comes back alone, from a
// dump that lacks the newest sales. Its clock is an hour behind, or is corrected just after the start, or is ahead. It has
// lost history, though its clock may say otherwise. So nothing may be sold again before every promise of the lost time is over.
func TestP2RestartWithAWrongClockIsNoPromotion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		start, then time.Duration
	}{
		{"behind", -wrong, -wrong},
		{"put right", -wrong, 0},
		{"ahead", wrong, wrong},
	} {
		t.Run(c.name, func(t *testing.T) {
			try(t, ofWorse, func(s *shop) {
				s.mark, s.hold = s.between(0.08, 0.40), 3*short
				clock := NewClock(s.t, s.dir)
				primary := NewClockedNode(s.t, s.dir, "redis1", clock)
				replica := newNode(s.t, rig.RedisOptions{Name: "redis2", Dir: s.dir, Of: primary.Redis})
				within(s.t, promoteWait, "the replica has all", replica.follows)
				s.open(primary.Addr, primary.Addr)
				era := primary.info("master_replid")
				s.strike(func() { primary.Do("SAVE") })
				s.forgets(func() {
					s.sells(5, patient)
					s.killAll(primary, replica)
				})
				clock.Set(c.start)
				primary.Start()
				time.Sleep(put)
				clock.Set(c.then)
				s.restartElsewhere()
				s.lost.To = s.crowd.History.Now()
				off := primary.off() - c.then
				s.evidence(off.Abs() < wrong/2, "the clock is %v off", off)
				s.evidence(primary.info("master_replid") != era, "the history kept its name")
				s.reopen()
				s.finish(s.healing())
			})
		})
	}
}

// forgets does harm, after which the store knows nothing of the sales meanwhile.
func (s *shop) forgets(harm func()) {
	s.t.Helper()
	const before = time.Second // claims may be settled so much later
	s.lost = &Loss{From: s.struckAt - before}
	harm()
	s.lost.To = s.crowd.History.Now()
	n := s.wins(s.struckAt, s.lost.To)
	s.evidence(n >= int(s.units)/50, "only %d units were sold after the dump", n)
}

// killAll ends these servers and all edges.
func (s *shop) killAll(nodes ...*Node) {
	for _, e := range s.edges {
		e.End()
	}
	for _, n := range nodes {
		n.End()
	}
}

// restartElsewhere starts all edges again on other machines: with their rings they would prove the loss.
func (s *shop) restartElsewhere() {
	s.t.Helper()
	for _, e := range s.edges {
		s.restored(s.t.TempDir(), e.data())
		e.Start()
	}
}

// reopen says, after a while, that the replica does not come back.
func (s *shop) reopen() {
	s.t.Helper()
	time.Sleep(Lease)
	within(s.t, patient, "the sale is reopened", func() bool {
		_, err := s.operator("sale", "reopen", sale, "--yes")
		return err == nil
	})
}

// P5: a lone Redis that keeps dumps only comes back from its newest dump. Its clock is an hour ahead, or behind. That ends no
// hold: a winner has the time that it was promised.
func TestP5RestartWithAWrongClockEndsNoHold(t *testing.T) {
	try(t, ofWorse, func(s *shop) {
		s.hold = 3 * short
		clock := NewClock(s.t, s.dir)
		redis := NewClockedNode(s.t, s.dir, "redis", clock)
		s.open(redis.Addr, redis.Addr)
		era := redis.info("master_replid")
		s.strike(func() { _, _ = redis.Try("SHUTDOWN", "SAVE") })
		within(s.t, patient, "Redis has ended", func() bool { return !redis.Alive() })
		s.lost = &Loss{From: s.struckAt - 100*time.Millisecond} // the last answers were lost with their connections
		off := wrong
		if long() && s.seed%2 == 1 {
			off = -wrong
		}
		clock.Set(off)
		s.pause(0, time.Second)
		redis.Start()
		s.lost.To = s.struckAt
		s.evidence((redis.off()-off).Abs() < wrong/2, "the clock is right")
		s.evidence(redis.info("master_replid") != era, "the history kept its name")
		s.finish(s.healing())
	})
}

// P6: a Redis that writes before it answers is killed. It comes back with its clock some seconds behind, or corrected just
// after the start, or ahead. Nothing is lost, so it grants again when every edge has re-asserted, long before a hold is over.
func TestP6LosslessRestartWithAWrongClockWaitsForNoHold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		start, then time.Duration
	}{
		{"behind", -slightly, -slightly},
		{"put right", -slightly, 0},
		{"ahead", wrong, wrong},
	} {
		t.Run(c.name, func(t *testing.T) {
			try(t, ofWorse, func(s *shop) {
				s.mark, s.hold = s.between(0.08, 0.30), 2*time.Minute
				clock := NewClock(s.t, s.dir)
				redis := NewClockedNode(s.t, s.dir, "redis", clock, durable...)
				s.open(redis.Addr, redis.Addr)
				s.strike(redis.End)
				clock.Set(c.start)
				redis.Start()
				time.Sleep(put)
				clock.Set(c.then)
				off := redis.off() - c.then
				s.evidence(off.Abs() < slightly/2, "the clock is %v off", off)
				s.sells(30, s.hold/2) // much more than edges have on lease
				s.crowd.End()
				s.judge()
			})
		})
	}
}
