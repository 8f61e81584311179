package sim

import (
	"context"
	"time"

	"spike/luascripts/ledger"
)

// Options is which worlds to live.
type Options struct {
	First   uint64
	Seeds   uint64
	Workers int
	Mutant  ledger.Mutant // the guard to leave out; only in a build with the tag mutants
	Most    int           // violations, then no more worlds; 0: one
	Lines   int           // of a story's end that are kept
	Tell    bool          // keep all of every story
	OnWorld func(done, all uint64)
}

// World is what became of one of them.
type World struct {
	Seed      uint64
	Hash      uint64 // of the trace
	Steps     int    // of Keepers
	Scripts   int
	Sold      uint64 // units, told
	Total     uint64
	Histories int    // how often the store came up with another one
	Wrong     string // "": nothing
	Story     string // of a world in which something is wrong
}

// Live lives one world. One that goes wrong is lived again, for its story: it goes the same way.
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
	out.Total, out.Histories = w.fates.total, w.histories
	return out, w
}

// Run lives worlds beside each other, and takes them in in the order of their seeds.
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
