package main

import (
	"context"
	"fmt"
	"os"

	"spike/bench/sim"
	"spike/luascripts/ledger"
)

// BenchSimCmd simulates worlds in which every fault may happen that the protocol foresees.
type BenchSimCmd struct {
	Seed    *uint64 `placeholder:"S" help:"Simulate this world only. It runs the same way each time."`
	Tell    bool    `help:"With --seed: print every event, not only the events before a violation."`
	First   uint64  `default:"0" help:"Seed of the first of many worlds."`
	Seeds   uint64  `default:"2000" help:"How many worlds."`
	Workers int     `default:"2" help:"How many worlds run at a time."`
	Mutant  string  `placeholder:"NAME" help:"Leave a guard of the protocol out (only in a build with -tags mutants)."`
	Lines   int     `default:"120" help:"How many of the last events before a violation are printed."`
}

// Run simulates the worlds, and prints each violation, how to see it again, and how fast the run was.
func (c *BenchSimCmd) Run(ctx context.Context) error {
	o := sim.Options{First: c.First, Seeds: c.Seeds, Workers: c.Workers, Mutant: ledger.Mutant(c.Mutant), Lines: c.Lines, Most: 3}
	if c.Seed != nil {
		o.First, o.Seeds, o.Tell = *c.Seed, 1, c.Tell
	}
	if o.Seeds < 1 || o.Workers < 1 {
		return usagef("--seeds and --workers are at least 1")
	}
	step, finish := benchProgress()
	o.OnWorld = func(done, all uint64) {
		if done%simStep == 0 {
			step(int(done), int(all), "worlds")
		}
	}
	r, err := sim.Run(ctx, o)
	finish()
	if err != nil {
		return err
	}
	r.Print(os.Stdout)
	if len(r.Wrong) > 0 {
		return fmt.Errorf("%w: the protocol was violated", errFailed)
	}
	return nil
}

// simStep is how many worlds make a step of the progress.
const simStep = 500
