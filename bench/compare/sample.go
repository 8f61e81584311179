package compare

import (
	"context"
	"fmt"
	"time"

	"spike/bench/crowd"
	"spike/bench/process"
)

// Sample is one load of one server.
type Sample struct {
	Scenario string `json:"scenario"`
	Server   string `json:"server"`
	Round    int    `json:"round"` // from 1; 0: the cross-check by ab

	crowd.Measurement
	process.Costs
	Unsold int64 `json:"unsold"` // requests that should have sold a unit, without a unit in the hash
}

// Cost is the server's CPU time per request in microseconds; 0 if it is not known.
func (s Sample) Cost() float64 { return perRequest(s.CPU, s.Requests) }

// RedisCost is the same for the server's Redis.
func (s Sample) RedisCost() float64 { return perRequest(s.RedisCPU, s.Requests) }

// Faulty is how many requests were not answered as the scenario wants, as far as this is known.
func (s Sample) Faulty() int64 { return s.Faults() + s.Unsold }

func perRequest(cpu time.Duration, requests int64) float64 {
	if requests == 0 {
		return 0
	}
	return float64(cpu) / float64(time.Microsecond) / float64(requests)
}

// loader is wrk or ab.
type loader interface {
	Run(context.Context) (crowd.Measurement, error)
}

// measure loads a server once and reads the cost.
func (s *server) measure(ctx context.Context, sc Scenario, round int, l loader) (Sample, error) {
	sample := Sample{Scenario: sc.Name, Server: s.name, Round: round}
	before, err := process.ReadCosts(ctx, s.proc, s.redis, sale)
	if err != nil {
		return sample, err
	}
	if sample.Measurement, err = l.Run(ctx); err != nil {
		return sample, fmt.Errorf("load %s (%s): %w", s.name, sc.Name, err)
	}
	after, err := process.SettledCosts(ctx, s.proc, s.redis, sale)
	if err != nil {
		return sample, err
	}
	sample.Costs = after.Since(before)
	if s.redis != nil && sc.Name == Selling {
		sample.Unsold = max(0, sample.Requests-sample.Sold)
	}
	return sample, nil
}
