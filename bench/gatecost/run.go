package gatecost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"spike/bench"
	"spike/bench/crowd"
	"spike/bench/front"
	"spike/bench/process"
)

// Sample is one load of one server.
type Sample struct {
	Sales  int    `json:"sales"`
	Server string `json:"server"`
	Round  int    `json:"round"` // from 1

	crowd.Measurement
	CPU time.Duration `json:"cpu_ns"` // nginx, all of it; 0: not known on this system
}

// Cost is CPU time per request in microseconds.
func (s Sample) Cost() float64 { return front.Per(s.CPU, s.Requests) }

// Run measures both servers. It returns every sample, from which [Summarise] makes the table.
func Run(ctx context.Context, o Options) ([]Sample, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if _, err := bench.Tool("wrk"); err != nil {
		return nil, err
	}
	dir, err := front.Room("gatecost")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var samples []Sample
	for i, sales := range o.Sales {
		some, err := runSales(ctx, o, filepath.Join(dir, fmt.Sprint(i)), sales, len(samples))
		samples = append(samples, some...)
		if err != nil {
			return samples, fmt.Errorf("%d sales: %w", sales, err)
		}
	}
	return samples, nil
}

// runSales loads the two in turns, with so many sales flagged.
func runSales(ctx context.Context, o Options, dir string, sales, done int) (samples []Sample, err error) {
	if err = os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	flagDir, err := front.FlagDir()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(flagDir)
	p, err := openPair(ctx, dir, flagDir, sales)
	if err != nil {
		return nil, err
	}
	defer p.close()
	w, err := wrk(o, dir, sales)
	if err != nil {
		return nil, err
	}
	for round := range o.Quads {
		for _, name := range quad() {
			if o.OnStep != nil {
				o.OnStep(done+len(samples), o.steps(), fmt.Sprintf("%d sales, %s", sales, name))
			}
			s, err := p.measure(ctx, name, w)
			if err != nil {
				return samples, err
			}
			s.Sales, s.Round = sales, round+1
			samples = append(samples, s)
		}
	}
	return samples, nil
}

// keep makes every flag for a load of so long. A load that overruns its time finds its flags, too.
func (p *pair) keep(long time.Duration) error {
	const margin = 5 * time.Second
	return p.flags.keep(time.Now(), long+margin)
}

func (p *pair) measure(ctx context.Context, name string, w crowd.Wrk) (s Sample, err error) {
	if err = p.keep(w.Duration); err != nil {
		return s, err
	}
	before, err := cpu(p.nginx[name])
	if err != nil {
		return s, err
	}
	w.URL = "http://" + p.nginx[name].Addr
	if s.Measurement, err = w.Run(ctx); err != nil {
		return s, err
	}
	after, err := cpu(p.nginx[name])
	s.Server, s.CPU = name, after-before
	return s, err
}

// cpu is 0 on a system that does not tell CPU time.
func cpu(n *front.Nginx) (time.Duration, error) {
	d, err := n.CPU()
	if errors.Is(err, process.ErrNoCPU) {
		return 0, nil
	}
	return d, err
}
