package realsale

import (
	"fmt"
	"slices"
	"time"

	"spike/bench"
	"spike/bench/stats"
)

// ErrOptions means that the options of a run are wrong.
var ErrOptions = fmt.Errorf("%w: real", bench.ErrUsage)

// Options of a measurement.
type Options struct {
	Binary      string        `json:"-"`    // the spike program
	Base        string        `json:"base"` // another spike program, to be measured in the same run; empty: none
	Rounds      int           `json:"rounds"`
	Duration    time.Duration `json:"duration_ns"` // of one load
	Connections int           `json:"connections"`
	Hold        time.Duration `json:"hold_ns"`
	EdgeArgs    []string      `json:"edge_args"` // in addition
	Only        []string      `json:"only"`      // names of phases; empty: all
	Kinds       []string      `json:"kinds"`     // names of kinds; empty: Anonymous and Real

	OnStep func(done, all int, what string) `json:"-"`
}

func (o Options) check() error {
	err := bench.Within(ErrOptions,
		bench.Bound{Name: "rounds", N: int64(o.Rounds), Low: 1, High: 1000},
		bench.Bound{Name: "connections", N: int64(o.Connections), Low: 1, High: 4096},
		bench.Bound{Name: "duration in ms", N: o.Duration.Milliseconds(), Low: 100, High: time.Minute.Milliseconds()},
		// A hold that ends within the run would put units back on sale.
		bench.Bound{Name: "hold in s", N: int64(o.Hold.Seconds()), Low: 60, High: 24 * 3600},
	)
	if err == nil {
		err = bench.Known(ErrOptions, "phase", o.Only, names(Phases(), phaseName))
	}
	if err == nil {
		err = bench.Known(ErrOptions, "kind of sale", o.Kinds, names(Kinds(), kindName))
	}
	return err
}

func phaseName(p Phase) string { return p.Name }
func kindName(k Kind) string   { return k.Name }

func names[T any](all []T, name func(T) string) (some []string) {
	for _, t := range all {
		some = append(some, name(t))
	}
	return some
}

func (o Options) phases() []Phase {
	return chosen(Phases(), phaseName, o.Only, names(Phases(), phaseName))
}

func (o Options) kinds() []Kind { return chosen(Kinds(), kindName, o.Kinds, []string{Anonymous, Real}) }

// chosen returns those that were asked for, or else the usual ones.
func chosen[T any](all []T, name func(T) string, asked, usual []string) []T {
	if len(asked) == 0 {
		asked = usual
	}
	return slices.DeleteFunc(all, func(t T) bool { return !slices.Contains(asked, name(t)) })
}

// The two programs.
const (
	This = "this"
	Base = "base"
)

// leg is what is loaded in one turn.
type leg struct {
	build string // This or Base
	kind  Kind
}

// legs of a phase. Run forwards and then backwards, they make a round in which a drift of the machine adds the same to all.
func (o Options) legs(p Phase) (all []leg) {
	for _, k := range o.kinds() {
		if p.Limited && k.Limit == 0 {
			continue
		}
		all = append(all, leg{This, k})
		if o.Base != "" {
			all = append(all, leg{Base, k})
		}
	}
	return all
}

func (o Options) steps() (n int) {
	for _, p := range o.phases() {
		n += o.Rounds * len(stats.ThereAndBack(len(o.legs(p))))
	}
	return n
}
