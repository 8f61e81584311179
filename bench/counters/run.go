package counters

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"testing"
	"time"

	"spike/bench/stats"
)

// ErrFailed means that a round did not measure what it should.
var ErrFailed = errors.New("counter benchmark failed")

// Options of a run.
type Options struct {
	Procs   []int         // values of GOMAXPROCS
	Rounds  int           // each measures every cell once, so that a slow minute hits all of them
	Time    time.Duration // aimed at per cell and round
	OnRound func(done, all int)
}

// Cell is one strategy at one GOMAXPROCS.
type Cell struct {
	Strategy string       `json:"strategy"`
	Procs    int          `json:"gomaxprocs"`
	RawNs    []float64    `json:"ns_per_op_raw"` // one per round
	Ns       stats.Spread `json:"ns_per_op"`
}

// Run measures the strategies. It changes GOMAXPROCS of this process while it runs, and restores it.
func Run(ctx context.Context, o Options) ([]Cell, error) {
	if err := setBenchTime(o.Time); err != nil {
		return nil, err
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	strategies := Strategies()
	cells := grid(strategies, o.Procs)
	for round := range o.Rounds {
		for i := range cells {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			ns, err := measure(strategies[i%len(strategies)], cells[i].Procs)
			if err != nil {
				return nil, err
			}
			cells[i].RawNs = append(cells[i].RawNs, ns)
		}
		if o.OnRound != nil {
			o.OnRound(round+1, o.Rounds)
		}
	}
	for i := range cells {
		cells[i].Ns = stats.Of(cells[i].RawNs)
	}
	return cells, nil
}

// grid returns all cells; the strategy changes fastest.
func grid(strategies []Strategy, procs []int) []Cell {
	var cells []Cell
	for _, p := range procs {
		for _, s := range strategies {
			cells = append(cells, Cell{Strategy: s.Name, Procs: p})
		}
	}
	return cells
}

func measure(s Strategy, procs int) (ns float64, err error) {
	runtime.GOMAXPROCS(procs)
	r := testing.Benchmark(s.bench)
	if r.N == 0 {
		return 0, fmt.Errorf("%w: %s at GOMAXPROCS %d", ErrFailed, s.Name, procs)
	}
	return float64(r.T.Nanoseconds()) / float64(r.N), nil
}

// setBenchTime tells package testing how long a benchmark takes. The package has only a flag for this.
func setBenchTime(d time.Duration) error {
	testing.Init() // does nothing the second time
	if err := flag.Set("test.benchtime", d.String()); err != nil {
		return fmt.Errorf("benchmark time: %w", err)
	}
	return nil
}
