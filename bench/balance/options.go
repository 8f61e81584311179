package balance

import (
	"fmt"
	"slices"

	"spike/bench"
)

// ErrOptions says that a run was asked for that makes no sense.
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
	wrong := func(name string, n, low, high int64) error {
		if n < low || n > high {
			return fmt.Errorf("%w: %s %d is not within %d..%d", ErrOptions, name, n, low, high)
		}
		return nil
	}
	for _, err := range []error{
		wrong("rounds", int64(o.Rounds), 1, maxRounds), wrong("requests", o.Requests, 1, maxRequests),
		wrong("connections", int64(o.Connections), 1, maxConnections),
	} {
		if err != nil {
			return err
		}
	}
	for _, name := range o.Only {
		if !slices.Contains(names(), name) {
			return fmt.Errorf("%w: there is no way %q: %q", ErrOptions, name, names())
		}
	}
	return nil
}

// turn is one crowd, shared in one way.
type turn struct {
	way   Way
	kept  bool // connections to edges are
	round int  // from 1
}

// turns is what is run: each way with and without, then, in the next round, all of it backwards, so that a machine that
// drifts drifts for all.
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
