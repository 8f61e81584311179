package balance

import (
	"fmt"
	"slices"

	"spike/bench"
)

// ErrOptions means that the options of a run are wrong.
var ErrOptions = fmt.Errorf("%w: balance", bench.ErrUsage)

// Options of a comparison.
type Options struct {
	Binary      string   `json:"-"` // the spike program: the edges are started from it
	Rounds      int      `json:"rounds"`
	Requests    int64    `json:"requests"` // of a turn
	Connections int      `json:"connections"`
	Only        []string `json:"only"` // ways; empty: all

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
		bench.Bound{Name: "connections", N: int64(o.Connections), Low: 1, High: maxConnections},
	)
	if err != nil {
		return err
	}
	return bench.Known(ErrOptions, "way", o.Only, names())
}

// turn is one crowd, shared in one way.
type turn struct {
	way   Way
	kept  bool // connections to edges are
	round int  // from 1
}

// turns returns the turns to run: each way with and without, and all of it backwards in every second round. So a drift of the
// machine hits every way.
func (o Options) turns() (all []turn) {
	for round := range o.Rounds {
		var some []turn
		for _, w := range chosen(o.Only) {
			some = append(some, turn{w, true, round + 1}, turn{w, false, round + 1})
		}
		if round%2 == 1 {
			slices.Reverse(some)
		}
		all = append(all, some...)
	}
	return all
}

func (t turn) String() string {
	if t.kept {
		return t.way.Name
	}
	return t.way.Name + ", nothing kept"
}
