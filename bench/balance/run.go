package balance

import (
	"context"
	"errors"
	"fmt"
	"os"

	"spike/bench"
	"spike/bench/front"
	"spike/bench/process"
)

// Sample is one turn.
type Sample struct {
	Way   string `json:"way"`
	Kept  bool   `json:"kept"`
	Round int    `json:"round"` // from 1

	Requests int64      `json:"requests"`
	Answered int64      `json:"answered"` // with 200
	Counts   []int64    `json:"counts"`   // by edge, as each counts itself
	Cost     front.Cost `json:"cost"`     // 0 if it cannot be read
}

// faulty is how many requests were not answered, or not counted.
func (s Sample) faulty() int64 {
	counted := int64(0)
	for _, n := range s.Counts {
		counted += n
	}
	return max(s.Requests-s.Answered, s.Requests-counted, counted-s.Requests)
}

// Run compares the ways. It returns every sample, from which [Summarise] makes the tables.
func Run(ctx context.Context, o Options) ([]Sample, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if _, err := bench.Tool("redis-server"); err != nil {
		return nil, err
	}
	dir, err := front.Room("balance")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	site, err := front.Open(ctx, front.Options{Binary: o.Binary, Dir: dir, Units: 1, Sold: 1})
	if err != nil {
		return nil, err
	}
	defer site.Close()
	return runTurns(ctx, o, site)
}

func runTurns(ctx context.Context, o Options, site *front.Site) (samples []Sample, err error) {
	turns := o.turns()
	for i, t := range turns {
		what := fmt.Sprintf("round %d, %v", t.round, t)
		if o.OnStep != nil {
			o.OnStep(i, len(turns), what)
		}
		s, err := t.run(ctx, o, site)
		if err != nil {
			return samples, fmt.Errorf("%s: %w", what, err)
		}
		samples = append(samples, s)
	}
	return samples, nil
}

// run puts an nginx of this turn's kind in front of the edges, and sends the crowd.
func (t turn) run(ctx context.Context, o Options, site *front.Site) (Sample, error) {
	s := Sample{Way: t.way.Name, Kept: t.kept, Round: t.round, Requests: o.Requests}
	listen, err := process.FreeAddr()
	if err != nil {
		return s, err
	}
	if err = site.OpenFront(ctx, t.topology(listen, site.Addrs()), nil); err != nil {
		return s, err
	}
	before, err := read(ctx, site)
	if err != nil {
		return s, err
	}
	c := crowd{addr: listen, from: t.way.from, requests: o.Requests, connections: int(min(int64(o.Connections), o.Requests))}
	if s.Answered, err = c.run(ctx); err != nil {
		return s, err
	}
	after, err := read(ctx, site)
	if err != nil {
		return s, err
	}
	s.Cost = after.cost.Since(before.cost)
	for i, n := range after.counts {
		s.Counts = append(s.Counts, n-before.counts[i])
	}
	return s, nil
}

func (t turn) topology(listen string, edges []string) front.Topology {
	more := []string{"balance: " + string(t.way.Balance)}
	if !t.kept {
		more = append(more, "keepalive: 0")
	}
	return front.Topology{Listen: listen, Edges: edges, Weights: t.way.Weights, More: more}
}

// reading has numbers that only grow.
type reading struct {
	cost   front.Cost
	counts []int64
}

func read(ctx context.Context, site *front.Site) (r reading, err error) {
	for _, edge := range site.Servers {
		n, err := edge.Answered(ctx)
		if err != nil {
			return r, err
		}
		r.counts = append(r.counts, n)
	}
	if r.cost, err = site.Cost(); errors.Is(err, process.ErrNoCPU) {
		return r, nil
	}
	return r, err
}
