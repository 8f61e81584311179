package process

import (
	"context"
	"errors"
	"time"

	"spike/bench"
)

// Costs are a server's numbers that only grow. A time of 0 cannot be read on this system.
type Costs struct {
	CPU      time.Duration `json:"cpu_ns"`       // of the server's process
	RedisCPU time.Duration `json:"redis_cpu_ns"` // of its Redis
	Scripts  int64         `json:"scripts"`      // run by its Redis, by Redis' own counter
	Sold     int64         `json:"sold"`         // units, by the sale's hash
}

// Since is what was spent since an earlier reading.
func (c Costs) Since(before Costs) Costs {
	return Costs{CPU: c.CPU - before.CPU, RedisCPU: c.RedisCPU - before.RedisCPU,
		Scripts: c.Scripts - before.Scripts, Sold: c.Sold - before.Sold}
}

// ReadCosts reads what a server has spent. r is nil if the server has no Redis.
func ReadCosts(ctx context.Context, p *Process, r *Redis, sale string) (c Costs, err error) {
	if c.CPU, err = cpuTime(p); err != nil || r == nil {
		return c, err
	}
	if c.RedisCPU, err = cpuTime(r.Process); err != nil {
		return c, err
	}
	if c.Scripts, err = r.Scripts(ctx); err != nil {
		return c, err
	}
	c.Sold, err = r.Sold(ctx, sale)
	return c, err
}

func cpuTime(p *Process) (time.Duration, error) {
	cpu, err := p.CPU()
	if errors.Is(err, ErrNoCPU) {
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

// SettledCosts is ReadCosts after that.
func SettledCosts(ctx context.Context, p *Process, r *Redis, sale string) (Costs, error) {
	deadline := time.Now().Add(settleLimit)
	var last Costs
	for first := true; ; first = false {
		if !bench.Sleep(ctx, settlePause) {
			return last, ctx.Err()
		}
		now, err := ReadCosts(ctx, p, r, sale)
		quiet := r == nil || !first && now.Sold == last.Sold
		if err != nil || quiet || time.Now().After(deadline) {
			return now, err
		}
		last = now
	}
}
