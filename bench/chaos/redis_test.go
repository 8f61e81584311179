//go:build chaos

package chaos

import (
	"testing"
	"time"
)

// A Redis that writes before it answers is killed by kill -9, and starts on its file.
// It proves G23.
func TestRedisKilledAndBack(t *testing.T) {
	try(t, ofOthers, func(s *shop) {
		redis := s.lone()
		s.open(redis.Addr, redis.Addr)
		s.strike(redis.End)
		s.pause(100*time.Millisecond, 4*time.Second)
		s.silentUntilNow()
		redis.Start()
		s.finish(s.healing())
	})
}

// Redis stands still, for less time than an edge waits for a call, and for more.
// It proves G21.
func TestRedisStopped(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		from, to time.Duration
	}{
		{"briefly", 200 * time.Millisecond, 900 * time.Millisecond},
		{"for long", 1200 * time.Millisecond, Lease + 2*time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			try(t, ofOthers, func(s *shop) {
				redis := s.lone()
				s.open(redis.Addr, redis.Addr)
				s.strike(redis.Pause)
				s.pause(c.from, c.to)
				s.silentUntilNow()
				redis.Resume()
				s.finish(s.healing())
			})
		})
	}
}

// Redis is gone for good. Leased units are sold, and then every buyer hears 503 with Retry-After. No buyer hears "sold out".
// It proves G21.
func TestRedisGone(t *testing.T) {
	try(t, ofOthers, func(s *shop) {
		redis := s.lone()
		s.open(redis.Addr, redis.Addr)
		s.strike(redis.End)
		time.Sleep(Lease) // no lease lasts longer
		drained := s.crowd.History.Now()
		time.Sleep(2 * time.Second)
		s.silentUntilNow()
		s.crowd.End()
		s.judge()
		var asked int
		for _, op := range s.crowd.History.Ops() {
			if op.Kind != Buy || op.Start < drained || op.End == Forever {
				continue
			}
			if asked++; op.Word != Undecided {
				s.t.Errorf("Redis was gone: %v", op)
			}
		}
		if least := 10 * len(s.edges); asked < least {
			s.t.Errorf("only %d buys were answered without Redis", asked)
		}
	})
}
