package sim

import (
	"fmt"
	"io"
	"time"
)

// Report is the result of many worlds.
type Report struct {
	Options Options
	Took    time.Duration
	Seeds   uint64
	Steps   int
	Scripts int
	Sold    uint64
	Beside  int    // buys that went to the ledger with others
	Half    uint64 // worlds that sold at least half of their units: the others prove little
	Again   uint64 // worlds that sold some units again
	Cut     uint64 // worlds in which the store's history was cut
	Hash    uint64 // of all traces, in the order of the seeds; for one world, its own
	Wrong   []World
	Story   string // of one world, if it was asked for
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
	for _, w := range r.Wrong {
		fmt.Fprintf(out, "%sseed %d: %s\nagain: %s\n\n", w.Story, w.Seed, w.Wrong, r.again(w.Seed))
	}
	per := func(n int) float64 { return float64(n) / r.Took.Seconds() }
	fmt.Fprintf(out, "%d worlds in %v: %.0f seeds, %.0f steps and %.0f scripts a second\n",
		r.Seeds, r.Took.Round(10*time.Millisecond), per(int(r.Seeds)), per(r.Steps), per(r.Scripts))
	fmt.Fprintf(out, "%d units sold; %d worlds sold half of theirs or more, %d some again; the store's history was cut in %d\n",
		r.Sold, r.Half, r.Again, r.Cut)
	fmt.Fprintf(out, "%d buys went to the ledger with others\n", r.Beside)
	fmt.Fprintf(out, "trace %016x, %d violations\n", r.Hash, len(r.Wrong))
}

// again returns the command that runs a world again.
func (r Report) again(seed uint64) string {
	command := fmt.Sprintf("spike bench sim --seed %d", seed)
	if r.Options.Mutant != "" {
		command += " --mutant " + string(r.Options.Mutant)
	}
	return command
}
