package rig

import (
	"context"
	"errors"
	"time"

	"spike/bench"
)

// Costs are a site's numbers that only grow: CPU time by its spender, without the crowd's, and the work of Redis. A time of 0
// cannot be read on this system, or has no spender.
type Costs struct {
	Nginx   time.Duration `json:"nginx_ns"` // master and workers
	Servers time.Duration `json:"servers_ns"`
	Redis   time.Duration `json:"redis_ns"`
	Gate    time.Duration `json:"gate_ns"`
	Scripts int64         `json:"scripts"` // by Redis' own counter
	Sold    int64         `json:"sold"`    // units, by the sale's hash
}

// CPU is the bill.
func (c Costs) CPU() time.Duration { return c.Nginx + c.Servers + c.Redis + c.Gate }

// Since is what was spent since an earlier reading.
func (c Costs) Since(before Costs) Costs {
	return Costs{Nginx: c.Nginx - before.Nginx, Servers: c.Servers - before.Servers, Redis: c.Redis - before.Redis,
		Gate: c.Gate - before.Gate, Scripts: c.Scripts - before.Scripts, Sold: c.Sold - before.Sold}
}

// Costs reads what the site has spent so far.
func (s *Site) Costs(ctx context.Context) (c Costs, err error) {
	for _, one := range s.Servers {
		err = errors.Join(err, addCPU(&c.Servers, one.Process))
	}
	if s.Nginx != nil {
		err = errors.Join(err, addCPU(&c.Nginx, s.Nginx.Process))
	}
	if s.Gate != nil {
		err = errors.Join(err, addCPU(&c.Gate, s.Gate.Process))
	}
	if s.Redis == nil || err != nil {
		return c, err
	}
	err = addCPU(&c.Redis, s.Redis.Process)
	if err == nil {
		c.Scripts, err = s.Redis.Scripts(ctx)
	}
	if err == nil {
		c.Sold, err = s.Redis.Sold(ctx, Sale)
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

// Work after the last answer is part of the cost. The site gets settlePause, and up to settleLimit while its sold count grows.
const (
	settlePause = 300 * time.Millisecond
	settleLimit = 5 * time.Second
)

// SettledCosts is Costs after that.
func (s *Site) SettledCosts(ctx context.Context) (now Costs, err error) {
	deadline := time.Now().Add(settleLimit)
	for sold := int64(-1); ; sold = now.Sold {
		if !bench.Sleep(ctx, settlePause) {
			return now, ctx.Err()
		}
		if now, err = s.Costs(ctx); err != nil || s.Redis == nil || now.Sold == sold || time.Now().After(deadline) {
			return now, err
		}
	}
}
