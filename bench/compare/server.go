package compare

import (
	"context"
	"errors"
	"time"

	"spike/bench/process"
)

// server is one of the compared servers.
type server struct {
	name  string
	addr  string
	proc  *process.Process
	redis *process.Redis // nil if it has none
}

const sale = "ticket"

func (s *server) url() string { return "http://" + s.addr + "/buy/" + sale }

// stop ends the server and its Redis.
func (s *server) stop() {
	if s.proc != nil {
		s.proc.Stop()
	}
	if s.redis != nil {
		s.redis.Stop()
	}
}

// reading has a server's numbers that only grow. A time of 0 cannot be read here.
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

// A server's work after the last answer is part of the cost. The server gets settlePause, and up to settleLimit while its
// sold count still grows.
const (
	settlePause = 300 * time.Millisecond
	settleLimit = 5 * time.Second
)

// settled returns the reading after that.
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
