package bill

import (
	"fmt"
	"slices"

	"spike/bench"
)

// ErrOptions means that the options of a run are wrong.
var ErrOptions = fmt.Errorf("%w: bill", bench.ErrUsage)

// The designs.
const (
	Article = "article"
	Edges   = "edges"
	Gate    = "gate"
	Limited = "limited"
)

// Designs in the order of the tables.
func Designs() []string { return []string{Article, Edges, Gate, Limited} }

// limit is the limited sale's, of units per buyer. Every request has a buyer of its own, so nobody meets it.
const limit = 2

// targets are what one design's bill may be of another's.
var targets = []Ratio{{Of: Gate, Over: Edges, Target: 0.4}, {Of: Gate, Over: Article, Target: 1.0 / 6},
	{Of: Limited, Over: Gate, Target: 1.15}}

// Options of a measurement.
type Options struct {
	Binary      string   `json:"-"` // the spike program: every server of ours is started from it
	Rounds      int      `json:"rounds"`
	Requests    int64    `json:"requests"` // of a turn, each with a buyer of its own
	Units       int64    `json:"units"`
	Connections int      `json:"connections"`
	Only        []string `json:"only"` // designs; empty: all

	OnStep func(done, all int, what string) `json:"-"`
}

const (
	maxRounds      = 100
	maxRequests    = 100_000_000
	maxConnections = 8192
)

func (o Options) check() error {
	err := bench.Within(ErrOptions,
		bench.Bound{Name: "rounds", N: int64(o.Rounds), Low: 1, High: maxRounds},
		bench.Bound{Name: "requests", N: o.Requests, Low: 1, High: maxRequests},
		bench.Bound{Name: "units", N: o.Units, Low: 1, High: o.Requests},
		bench.Bound{Name: "connections", N: int64(o.Connections), Low: 1, High: maxConnections},
	)
	if err != nil {
		return err
	}
	return bench.Known(ErrOptions, "design", o.Only, Designs())
}

// turn is one crowd at one design.
type turn struct {
	design string
	round  int // from 1
}

// turns returns the turns to run: A B C D, then D C B A, and so on. So no design always comes first, and a drift of the machine
// hits every design.
func (o Options) turns() (all []turn) {
	for round := range o.Rounds {
		names := slices.DeleteFunc(Designs(), func(name string) bool { return len(o.Only) > 0 && !slices.Contains(o.Only, name) })
		if round%2 == 1 {
			slices.Reverse(names)
		}
		for _, name := range names {
			all = append(all, turn{name, round + 1})
		}
	}
	return all
}
