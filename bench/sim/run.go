package sim

import (
	"context"
	"fmt"
	"io"
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
	r, began := Report{World: World{Hash: fnvBasis}, Options: o}, time.Now()
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

// each passes worlds to take in the order of the seeds, until there are no more or take returns false. Then none is alive.
func (o Options) each(ctx context.Context, take func(World) (more bool)) error {
	var alive errgroup.Group
	defer func() { _ = alive.Wait() }()
	workers := max(1, o.Workers)
	alive.SetLimit(workers)
	results := make(chan chan World, 4*workers) // in the order of the seeds
	for begun, taken := uint64(0), uint64(0); taken < o.Seeds; taken++ {
		for ; begun < o.Seeds && len(results) < cap(results); begun++ {
			seed, result := o.First+begun, make(chan World, 1)
			results <- result
			alive.Go(func() error {
				result <- Live(seed, o)
				return nil
			})
		}
		if w := <-<-results; ctx.Err() != nil || !take(w) {
			return ctx.Err()
		}
	}
	return nil
}

// Report is the result of many worlds.
type Report struct {
	World   // the sums; Hash is of all traces, in the order of the seeds, or of the only world's; Story is the only world's
	Options Options
	Took    time.Duration
	Seeds   uint64
	Half    uint64 // worlds that sold at least half of their units: the others prove little
	Again   uint64 // worlds that sold some units again
	Cut     uint64 // worlds in which the store's history was cut
	Wrong   []World
}

func (r *Report) take(w World) {
	r.Seeds++
	r.Steps += w.Steps
	r.Scripts += w.Scripts
	r.Sold += w.Sold
	r.Beside += w.Beside
	if r.Hash = (r.Hash ^ w.Hash) * fnvPrime; r.Options.Seeds == 1 {
		r.Hash = w.Hash
	}
	if w.Sold >= w.Total/2 {
		r.Half++
	}
	if w.Sold > w.Total {
		r.Again++
	}
	if w.Histories > 0 {
		r.Cut++
	}
	switch {
	case w.Wrong != "":
		r.Wrong = append(r.Wrong, w)
	case r.Options.Tell:
		r.Story += w.Story
	}
}

// Print prints the results, and how to see each violation again.
func (r Report) Print(out io.Writer) {
	fmt.Fprint(out, r.Story)
	mutant := ""
	if r.Options.Mutant != "" {
		mutant = " --mutant " + string(r.Options.Mutant)
	}
	for _, w := range r.Wrong {
		fmt.Fprintf(out, "%sseed %d: %s\nagain: spike bench sim --seed %d%s\n\n", w.Story, w.Seed, w.Wrong, w.Seed, mutant)
	}
	per := func(n int) float64 { return float64(n) / r.Took.Seconds() }
	fmt.Fprintf(out, "%d worlds in %v: %.0f seeds, %.0f steps and %.0f scripts a second\n",
		r.Seeds, r.Took.Round(10*time.Millisecond), per(int(r.Seeds)), per(r.Steps), per(r.Scripts))
	fmt.Fprintf(out, "%d units sold; %d worlds sold half of theirs or more, %d some again; the store's history was cut in %d\n",
		r.Sold, r.Half, r.Again, r.Cut)
	fmt.Fprintf(out, "%d buys went to the ledger with others\n", r.Beside)
	fmt.Fprintf(out, "trace %016x, %d violations\n", r.Hash, len(r.Wrong))
}
