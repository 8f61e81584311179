package sim

import (
	"context"
	"time"

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
	out, w := live(seed, o.Mutant, o.Tell)
	switch {
	case o.Tell:
		out.Story = w.read(len(w.story))
	case out.Wrong != "":
		_, w = live(seed, o.Mutant, true)
		out.Story = w.read(o.Lines)
	}
	return out
}

func live(seed uint64, mutant ledger.Mutant, telling bool) (out World, w *world) {
	w = newWorld(seed, mutant, telling)
	out.Wrong = w.live()
	out.Seed, out.Hash, out.Steps, out.Scripts, out.Sold = seed, w.hash, w.steps, w.scripts, w.check.sold
	out.Total, out.Histories, out.Beside = w.fates.total, w.histories, w.beside
	return out, w
}

// Run runs worlds beside each other, and takes their results in the order of the seeds.
func Run(ctx context.Context, o Options) (Report, error) {
	if err := checkMutant(o.Mutant); err != nil {
		return Report{}, err
	}
	r, began := Report{Options: o, Hash: fnvBasis}, time.Now()
	err := newPool(ctx, o).each(func(w World) (more bool) {
		r.take(w)
		if o.OnWorld != nil {
			o.OnWorld(r.Seeds, o.Seeds)
		}
		return len(r.Wrong) < max(1, o.Most)
	})
	r.Took = time.Since(began)
	return r, err
}
