package sim

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"spike/luascripts/ledger"
)

// Options says which worlds to run.
type Options struct {
	First   uint64
	Seeds   uint64
	Workers int
	Mutant  ledger.Mutant // the guard to leave out; only in a build with the tag mutants
	Most    int           // after so many violations no more worlds run; 0: one
	Lines   int           // of the end of a story to keep
	Tell    bool          // keep all of every story
	OnWorld func(done, all uint64)
}

// World is the result of one world.
type World struct {
	Seed      uint64
	Hash      uint64 // of the trace
	Steps     int    // of Keepers
	Scripts   int
	Sold      uint64 // units that were told
	Total     uint64
	Beside    int    // buys that went to the ledger with others
	Histories int    // how often the store came up with another history
	Wrong     string // "": no violation
	Story     string // of a world with a violation
}

// Live runs one world. It runs a world with a violation again, for its story: the second run is the same.
func Live(seed uint64, o Options) World {
	w := live(seed, o.Mutant, o.Tell)
	out := w.World
	switch {
	case o.Tell:
		out.Story = w.read(len(w.story))
	case out.Wrong != "":
		out.Story = live(seed, o.Mutant, true).read(o.Lines)
	}
	return out
}

func live(seed uint64, mutant ledger.Mutant, telling bool) *world {
	w := newWorld(seed, mutant, telling)
	w.Wrong = w.live()
	return w
}

// Run runs worlds beside each other, and takes their results in the order of the seeds.
func Run(ctx context.Context, o Options) (Report, error) {
	if err := checkMutant(o.Mutant); err != nil {
		return Report{}, err
	}
	r, began := Report{Options: o, Hash: fnvBasis}, time.Now()
	err := o.each(ctx, func(w World) (more bool) {
		r.take(w)
		if o.OnWorld != nil {
			o.OnWorld(r.Seeds, o.Seeds)
		}
		return len(r.Wrong) < max(1, o.Most)
	})
	r.Took = time.Since(began)
	return r, err
}

// each lives worlds beside each other, and passes them to take in the order of the seeds, until there are no more or take
// returns false. Then none is alive any more.
func (o Options) each(ctx context.Context, take func(World) (more bool)) error {
	ctx, stop := context.WithCancel(ctx)
	workers := max(1, o.Workers)
	results := make(chan chan World, 4*workers) // in the order of the seeds
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	all.Go(func() {
		defer close(results)
		var alive errgroup.Group
		alive.SetLimit(workers)
		defer func() { _ = alive.Wait() }()
		for seed := o.First; seed-o.First < o.Seeds; seed++ {
			result := make(chan World, 1)
			select {
			case results <- result:
			case <-ctx.Done():
				return
			}
			alive.Go(func() error {
				result <- Live(seed, o)
				return nil
			})
		}
	})
	for result := range results {
		select {
		case w := <-result:
			if !take(w) {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return ctx.Err()
}
