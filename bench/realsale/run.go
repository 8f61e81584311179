package realsale

import (
	"context"
	"fmt"
	"os"
	"time"

	"spike/bench"
	"spike/bench/crowd"
	"spike/bench/front"
	"spike/bench/process"
	"spike/bench/stats"
)

// Sample is one load of one site.
type Sample struct {
	Phase string `json:"phase"`
	Kind  string `json:"kind"`
	Build string `json:"build"` // This or Base
	Round int    `json:"round"` // from 1

	Load crowd.Result `json:"load"`
	process.Costs
	Right int64 `json:"right"` // answers that are the phase's, by the edge's counter
}

// Cost is the edge's CPU time a buy, in microseconds; 0 if it is not known.
func (s Sample) Cost() float64 { return front.Per(s.CPU, s.Load.Answered) }

// RedisCost is the same of its Redis.
func (s Sample) RedisCost() float64 { return front.Per(s.RedisCPU, s.Load.Answered) }

// PerBuyer is how many scripts Redis ran a buy.
func (s Sample) PerBuyer() float64 {
	if s.Load.Answered == 0 {
		return 0
	}
	return float64(s.Scripts) / float64(s.Load.Answered)
}

// Faulty is how many buyers heard something else, or nothing.
func (s Sample) Faulty() int64 { return s.Load.Errors + max(0, s.Load.Answered-s.Right) }

// Run measures. It returns every sample, from which [Summarise] makes the tables.
func Run(ctx context.Context, o Options) ([]Sample, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if _, err := bench.Tool("redis-server"); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "spike-real-")
	if err != nil {
		return nil, fmt.Errorf("real: %w", err)
	}
	defer os.RemoveAll(dir)
	var samples []Sample
	for _, p := range o.phases() {
		some, err := runPhase(ctx, o, p, dir, len(samples))
		samples = append(samples, some...)
		if err != nil {
			return samples, err
		}
	}
	return samples, nil
}

// runPhase loads the sites of a phase in turns.
func runPhase(ctx context.Context, o Options, p Phase, dir string, done int) (samples []Sample, err error) {
	if dir, err = os.MkdirTemp(dir, p.Name+"-"); err != nil {
		return nil, fmt.Errorf("real: %w", err)
	}
	var sites []*site
	defer func() { closeAll(sites) }()
	for _, l := range o.legs(p) {
		s, err := openSite(ctx, o, p, l, dir)
		if err != nil {
			return nil, err
		}
		sites = append(sites, s)
	}
	for round := range o.Rounds {
		for _, i := range stats.ThereAndBack(len(sites)) {
			s := sites[i]
			if o.OnStep != nil {
				o.OnStep(done+len(samples), o.steps(), fmt.Sprintf("%s %s %s", p.Name, s.leg.kind.Name, s.leg.build))
			}
			sample, err := s.measure(ctx, o.Duration)
			if err != nil {
				return samples, err
			}
			sample.Round = round + 1
			samples = append(samples, sample)
		}
	}
	return samples, nil
}

// measure loads the site once and reads what it cost.
func (s *site) measure(ctx context.Context, long time.Duration) (m Sample, err error) {
	m = Sample{Phase: s.phase.Name, Kind: s.leg.kind.Name, Build: s.leg.build}
	heard, err := s.edge.Buys(ctx, sale)
	if err != nil {
		return m, err
	}
	before, err := process.ReadCosts(ctx, s.edge.Process, s.redis, sale)
	if err != nil {
		return m, err
	}
	if m.Load, err = s.crowd.send(ctx, long, manyUnits, nil); err != nil {
		return m, err
	}
	after, err := process.SettledCosts(ctx, s.edge.Process, s.redis, sale)
	if err != nil {
		return m, err
	}
	m.Costs = after.Since(before)
	now, err := s.edge.Buys(ctx, sale)
	m.Right = now[s.phase.Outcome] - heard[s.phase.Outcome]
	return m, err
}
