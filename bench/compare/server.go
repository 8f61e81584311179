package compare

import (
	"context"
	"errors"
	"time"

	"spike/bench/process"
)

// server is one of those compared, running.
type server struct {
	name  string
	addr  string
	proc  *process.Process
	redis *process.Redis // nil if it has none
}

const sale = "ticket"

func (s *server) url() string { return "http://" + s.addr + "/buy/" + sale }

// stop ends what was started of it.
func (s *server) stop() {
	if s.proc != nil {
		s.proc.Stop()
	}
	if s.redis != nil {
		s.redis.Stop()
	}
}

// reading is everything about a server that only grows. A time of 0 is one that cannot be read here.
type reading struct {
	cpu, redisCPU time.Duration
	scripts, sold int64
}

func (s *server) read(ctx context.Context) (r reading, err error) {
	if r.cpu, err = cpuTime(s.proc); err != nil || s.redis == nil {
		return r, err
	}
	if r.redisCPU, err = cpuTime(s.redis.Process); err != nil {
		return r, err
	}
	if r.scripts, err = s.redis.Scripts(ctx); err != nil {
		return r, err
	}
	r.sold, err = s.redis.Sold(ctx, sale)
	return r, err
}

func cpuTime(p *process.Process) (time.Duration, error) {
	cpu, err := p.CPU()
	if errors.Is(err, process.ErrNoCPU) {
		return 0, nil
	}
	return cpu, err
}

// What a server does after the last answer is part of what the answers cost: it gets settlePause, and as long
// as its sold count still moves, up to settleLimit.
const (
	settlePause = 300 * time.Millisecond
	settleLimit = 5 * time.Second
)

// settled returns the reading when the server has gone quiet.
func (s *server) settled(ctx context.Context) (reading, error) {
	deadline := time.Now().Add(settleLimit)
	var last reading
	for first := true; ; first = false {
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-time.After(settlePause):
		}
		now, err := s.read(ctx)
		quiet := s.redis == nil || !first && now.sold == last.sold
		if err != nil || quiet || time.Now().After(deadline) {
			return now, err
		}
		last = now
	}
}
