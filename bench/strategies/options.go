package strategies

import (
	"fmt"
	"slices"
	"time"

	"spike/bench"
)

// ErrOptions says that a run was asked for that makes no sense.
var ErrOptions = fmt.Errorf("%w: strategies", bench.ErrUsage)

// The three orders of doing things.
const (
	OrderFirst = "order-then-deduct"
	PayFirst   = "pay-then-deduct"
	PreDeduct  = "pre-deduct"
)

// Names in the order of the tables.
func Names() []string { return []string{OrderFirst, PayFirst, PreDeduct} }

// Options of a measurement.
type Options struct {
	Binary string   `json:"-"`    // the spike program: every server is started from it
	Only   []string `json:"only"` // strategies; empty: all
	Rounds int      `json:"rounds"`

	Units       int64         `json:"units"`
	Buyers      int64         `json:"buyers"`      // of the rush, each with one request
	Late        int64         `json:"late"`        // of the second wave; 0: there is none
	Connections int           `json:"connections"` // of the crowd
	Pool        int           `json:"pool"`        // connections to PostgreSQL of a server
	NeverPay    int           `json:"never_pay"`   // percent of those who won
	Hold        time.Duration `json:"hold_ns"`     // of a reservation; all three are given this time
	Settle      time.Duration `json:"settle_ns"`   // after the hold, before counting
	Seed        uint64        `json:"seed"`

	OnStep func(done, all int, what string) `json:"-"`
}

const (
	maxRounds = 100
	maxBuyers = 10_000_000
	maxPool   = 64
	maxHold   = time.Minute
)

func (o Options) check() error {
	wrong := func(name string, n, low, high int64) error {
		if n < low || n > high {
			return fmt.Errorf("%w: %s %d is not within %d..%d", ErrOptions, name, n, low, high)
		}
		return nil
	}
	for _, err := range []error{
		wrong("rounds", int64(o.Rounds), 1, maxRounds), wrong("units", o.Units, 1, maxBuyers),
		wrong("buyers", o.Buyers, 1, maxBuyers), wrong("late", o.Late, 0, maxBuyers),
		wrong("connections", int64(o.Connections), 1, 1024), wrong("pool", int64(o.Pool), 1, maxPool),
		wrong("never-pay", int64(o.NeverPay), 0, 100), wrong("hold in ms", o.Hold.Milliseconds(), 1000, maxHold.Milliseconds()),
		wrong("settle in ms", o.Settle.Milliseconds(), 0, maxHold.Milliseconds()),
	} {
		if err != nil {
			return err
		}
	}
	for _, name := range o.Only {
		if !slices.Contains(Names(), name) {
			return fmt.Errorf("%w: there is no strategy %q: %v", ErrOptions, name, Names())
		}
	}
	return nil
}

// chosen are the strategies that were asked for.
func (o Options) chosen() []string {
	if len(o.Only) == 0 {
		return Names()
	}
	return slices.DeleteFunc(Names(), func(name string) bool { return !slices.Contains(o.Only, name) })
}

// turns is what is run, one after the other: A B C, then C B A, and so on, so that no strategy always comes first
// and a machine that drifts drifts for all.
func (o Options) turns() []turn {
	var all []turn
	for round := range o.Rounds {
		names := o.chosen()
		if round%2 == 1 {
			slices.Reverse(names)
		}
		for _, name := range names {
			all = append(all, turn{name, round + 1})
		}
	}
	return all
}

type turn struct {
	strategy string
	round    int
}
