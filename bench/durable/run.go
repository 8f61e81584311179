package durable

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"spike/bench"
	"spike/bench/crowd"
	"spike/bench/front"
	"spike/bench/process"
	"spike/bench/stats"
)

// ErrOptions means that the options of a run are wrong.
var ErrOptions = fmt.Errorf("%w: durable", bench.ErrUsage)

// Options of a measurement.
type Options struct {
	Binary      string        `json:"-"` // the spike program
	Rounds      int           `json:"rounds"`
	Duration    time.Duration `json:"duration_ns"` // of one load
	Connections int           `json:"connections"`
	EdgeArgs    []string      `json:"edge_args"` // in addition
	Only        []string      `json:"only"`      // names of ways; empty: all

	OnStep func(done, all int, what string) `json:"-"`
}

func (o Options) check() error {
	err := bench.Within(ErrOptions,
		bench.Bound{Name: "rounds", N: int64(o.Rounds), Low: 1, High: 1000},
		bench.Bound{Name: "connections", N: int64(o.Connections), Low: 1, High: 4096},
		bench.Bound{Name: "duration in ms", N: o.Duration.Milliseconds(), Low: 100, High: time.Minute.Milliseconds()},
	)
	if err != nil {
		return err
	}
	var names []string
	for _, w := range Ways() {
		names = append(names, w.Name)
	}
	return bench.Known(ErrOptions, "way", o.Only, names)
}

func (o Options) ways() []Way {
	return slices.DeleteFunc(Ways(), func(w Way) bool { return len(o.Only) > 0 && !slices.Contains(o.Only, w.Name) })
}

// Sample is one load of one way.
type Sample struct {
	Way   string `json:"way"`
	Round int    `json:"round"` // from 1

	Load      crowd.Result  `json:"load"`
	Won       int64         `json:"won"`    // buyers who heard that they won
	Stored    int64         `json:"stored"` // units that the store has sold meanwhile
	ServerCPU time.Duration `json:"server_cpu_ns"`
	StoreCPU  time.Duration `json:"store_cpu_ns"` // of the Redis that is asked; 0: not known, or PostgreSQL
	Scripts   int64         `json:"scripts"`
	Waits     int64         `json:"waits"`
}

// PerSec is units a second.
func (s Sample) PerSec() float64 {
	if s.Load.Elapsed <= 0 {
		return 0
	}
	return float64(s.Won) / s.Load.Elapsed.Seconds()
}

// Cost is the server's CPU time a unit, in microseconds.
func (s Sample) Cost() float64 { return front.Per(s.ServerCPU, s.Won) }

// StoreCost is the same of Redis.
func (s Sample) StoreCost() float64 { return front.Per(s.StoreCPU, s.Won) }

// Faulty is how many buyers did not win, and how many wins the store does not have.
func (s Sample) Faulty() int64 {
	return s.Load.Errors + s.Load.Answered - s.Won + max(0, s.Won-s.Stored)
}

// Run measures. It returns every sample, from which [Summarise] makes the table.
func Run(ctx context.Context, o Options) (samples []Sample, err error) {
	if err = o.check(); err != nil {
		return nil, err
	}
	dir, err := front.Room("durable") // PostgreSQL may run as another user
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var shops []*shop
	defer func() {
		for _, s := range shops {
			s.close()
		}
	}()
	for _, w := range o.ways() {
		s, err := open(context.WithoutCancel(ctx), o, w, dir)
		if err != nil {
			return nil, err
		}
		shops = append(shops, s)
		if _, err = s.send(ctx, o, time.Second); err != nil {
			return nil, err
		}
	}
	turns := stats.ThereAndBack(len(shops))
	for n := range o.Rounds * len(turns) {
		s := shops[turns[n%len(turns)]]
		if o.OnStep != nil {
			o.OnStep(n, o.Rounds*len(turns), s.way.Name)
		}
		sample, err := s.measure(ctx, o)
		if err != nil {
			return samples, err
		}
		sample.Round = n/len(turns) + 1
		samples = append(samples, sample)
	}
	return samples, nil
}

// send has the crowd buy for so long. Each buyer has a name of its own, which PostgreSQL's orders keep.
func (s *shop) send(ctx context.Context, o Options, long time.Duration) (crowd.Result, error) {
	return crowd.Run(ctx, crowd.Options{URLs: []string{s.url}, Connections: o.Connections, Requests: units, For: long,
		Timeout: 10 * time.Second, Dress: crowd.Named})
}

// reading has a shop's numbers that only grow.
type reading struct {
	server, store          time.Duration
	stored, scripts, waits int64
}

func (s *shop) read(ctx context.Context) (r reading, err error) {
	c, err := process.ReadCosts(ctx, s.server, s.redis, sale)
	if err != nil {
		return r, err
	}
	r.server, r.store, r.scripts, r.stored = c.CPU, c.RedisCPU, c.Scripts, c.Sold
	if s.row != nil {
		r.stored, err = s.row.Ordered(ctx)
		return r, err
	}
	r.waits, err = s.redis.Waits(ctx)
	return r, err
}

// measure loads the shop once. The store must have at once what buyers have heard.
func (s *shop) measure(ctx context.Context, o Options) (m Sample, err error) {
	m.Way = s.way.Name
	before, err := s.read(ctx)
	if err != nil {
		return m, err
	}
	if m.Load, err = s.send(ctx, o, o.Duration); err != nil {
		return m, err
	}
	after, err := s.read(ctx)
	m.Won, m.Stored = m.Load.Codes[1], after.stored-before.stored
	m.ServerCPU, m.StoreCPU = after.server-before.server, after.store-before.store
	m.Scripts, m.Waits = after.scripts-before.scripts, after.waits-before.waits
	return m, err
}
