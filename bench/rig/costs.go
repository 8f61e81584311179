package rig

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
	if err = addCPU(&c.CPU, p); err != nil || r == nil {
		return c, err
	}
	if err = addCPU(&c.RedisCPU, r.Process); err != nil {
		return c, err
	}
	if c.Scripts, err = r.Scripts(ctx); err != nil {
		return c, err
	}
	c.Sold, err = r.Sold(ctx, sale)
	return c, err
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

// SiteCosts is CPU time by its spender, without the crowd's. A time of 0 cannot be read on this system.
type SiteCosts struct {
	Nginx   time.Duration `json:"nginx_ns"` // master and workers
	Servers time.Duration `json:"servers_ns"`
	Redis   time.Duration `json:"redis_ns"`
	Gate    time.Duration `json:"gate_ns"`
}

// Total is the bill.
func (c SiteCosts) Total() time.Duration { return c.Nginx + c.Servers + c.Redis + c.Gate }

// Since is what was spent since an earlier reading.
func (c SiteCosts) Since(before SiteCosts) SiteCosts {
	return SiteCosts{Nginx: c.Nginx - before.Nginx, Servers: c.Servers - before.Servers, Redis: c.Redis - before.Redis,
		Gate: c.Gate - before.Gate}
}

// Costs is the CPU time that every server of the site has spent so far.
func (s *Site) Costs() (c SiteCosts, err error) {
	for _, one := range s.Servers {
		err = errors.Join(err, addCPU(&c.Servers, one.Process))
	}
	err = errors.Join(err, addCPU(&c.Redis, s.Redis.Process))
	if s.Nginx != nil {
		err = errors.Join(err, addCPU(&c.Nginx, s.Nginx.Process))
	}
	if s.Gate != nil {
		err = errors.Join(err, addCPU(&c.Gate, s.Gate.Process))
	}
	return c, err
}

func addCPU(sum *time.Duration, p *Process) error {
	cpu, err := p.CPU()
	*sum += cpu
	if errors.Is(err, ErrNoCPU) {
		return nil
	}
	return err
}
