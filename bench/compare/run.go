package compare

import (
	"context"
	"fmt"
	"os"

	"spike/bench"
)

// Run compares the servers. It returns every sample, from which [Summarise] makes the tables.
func Run(ctx context.Context, o Options) ([]Sample, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	for _, tool := range o.tools() {
		if _, err := bench.Tool(tool); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp("", "spike-bench-")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	defer os.RemoveAll(dir)
	steps := &steps{onStep: o.OnStep, all: o.steps()}
	var samples []Sample
	for _, sc := range o.scenarios() {
		some, err := runScenario(ctx, o, sc, dir, steps)
		samples = append(samples, some...)
		if err != nil {
			return samples, err
		}
	}
	return samples, nil
}

func (o Options) tools() []string {
	tools := []string{"wrk", "redis-server"}
	if o.ABRequests > 0 {
		tools = append(tools, "ab")
	}
	return tools
}

func runScenario(ctx context.Context, o Options, sc Scenario, dir string, st *steps) ([]Sample, error) {
	dir, err := os.MkdirTemp(dir, sc.Name+"-")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	l, err := start(ctx, o, sc, dir)
	if err != nil {
		return nil, err
	}
	defer l.stop()
	samples, err := l.rounds(ctx, st)
	if err != nil || o.ABRequests == 0 {
		return samples, err
	}
	checks, err := l.crossCheck(ctx, st)
	return append(samples, checks...), err
}

func (l *lineup) rounds(ctx context.Context, st *steps) ([]Sample, error) {
	var samples []Sample
	for round := range l.o.Quads {
		for _, name := range order(l.o.servers(), round) {
			s := l.server(name)
			st.next(l.sc.Name + " " + name)
			sample, err := s.measure(ctx, l.sc, round+1, l.wrk(s, l.o.Duration))
			if err != nil {
				return samples, err
			}
			samples = append(samples, sample)
		}
	}
	return samples, nil
}

// crossCheck loads every server once with ab, which shares no code with wrk.
func (l *lineup) crossCheck(ctx context.Context, st *steps) ([]Sample, error) {
	var samples []Sample
	for _, s := range l.servers {
		st.next(l.sc.Name + " " + s.name + " (ab)")
		sample, err := s.measure(ctx, l.sc, 0, l.ab(s))
		if err != nil {
			return samples, err
		}
		samples = append(samples, sample)
	}
	return samples, nil
}

// steps reports how far a run is.
type steps struct {
	onStep    func(done, all int, what string)
	done, all int
}

func (s *steps) next(what string) {
	if s.onStep != nil {
		s.onStep(s.done, s.all, what)
	}
	s.done++
}

func (o Options) steps() int {
	perScenario := o.Quads * len(order(o.servers(), 0))
	if o.ABRequests > 0 {
		perScenario += len(o.servers())
	}
	return perScenario * len(o.scenarios())
}
