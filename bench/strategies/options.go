package strategies

import (
	"fmt"
	"slices"
	"time"

	"spike/bench"
)

// ErrOptions means that the options of a run are wrong.
var ErrOptions = fmt.Errorf("%w: strategies", bench.ErrUsage)

// The three strategies.
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
	Buyers      int64         `json:"buyers"`      // of the first wave, each with one request
	Late        int64         `json:"late"`        // of the second wave; 0: there is none
	Connections int           `json:"connections"` // of the crowd
	Pool        int           `json:"pool"`        // connections to PostgreSQL of a server
	NeverPay    int           `json:"never_pay"`   // percent of the winners
	Hold        time.Duration `json:"hold_ns"`     // of a reservation; all three strategies get this time
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
	err := bench.Within(ErrOptions,
		bench.Bound{Name: "rounds", N: int64(o.Rounds), Low: 1, High: maxRounds},
		bench.Bound{Name: "units", N: o.Units, Low: 1, High: maxBuyers},
		bench.Bound{Name: "buyers", N: o.Buyers, Low: 1, High: maxBuyers},
		bench.Bound{Name: "late", N: o.Late, Low: 0, High: maxBuyers},
		bench.Bound{Name: "connections", N: int64(o.Connections), Low: 1, High: 1024},
		bench.Bound{Name: "pool", N: int64(o.Pool), Low: 1, High: maxPool},
		bench.Bound{Name: "never-pay", N: int64(o.NeverPay), Low: 0, High: 100},
		bench.Bound{Name: "hold in ms", N: o.Hold.Milliseconds(), Low: 1000, High: maxHold.Milliseconds()},
		bench.Bound{Name: "settle in ms", N: o.Settle.Milliseconds(), Low: 0, High: maxHold.Milliseconds()},
	)
	if err != nil {
		return err
	}
	return bench.Known(ErrOptions, "strategy", o.Only, Names())
}

// chosen returns the strategies that were asked for.
func (o Options) chosen() []string {
	if len(o.Only) == 0 {
		return Names()
	}
	return slices.DeleteFunc(Names(), func(name string) bool { return !slices.Contains(o.Only, name) })
}

// turns returns the turns to run: A B C, then C B A, and so on. So no strategy always comes first, and a drift of the machine
// hits every strategy.
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
