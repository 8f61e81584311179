package gatecost

import (
	"fmt"
	"time"

	"spike/bench"
)

// ErrOptions means that the options of a run are wrong.
var ErrOptions = fmt.Errorf("%w: gate", bench.ErrUsage)

// The two servers that are compared.
const (
	Flag   = "flag"
	Return = "return"
)

// Target is the most that an answer by a flag may cost, in `return 200`s.
const Target = 1.25

// Options of a measurement.
type Options struct {
	Quads       int           `json:"quads"`
	Duration    time.Duration `json:"duration_ns"` // of one load by wrk, whole seconds
	Connections int           `json:"connections"`
	Sales       []int         `json:"sales"` // how many are flagged and asked for, one after the other

	OnStep func(done, all int, what string) `json:"-"`
}

const (
	maxQuads       = 1000
	maxDuration    = time.Minute
	maxConnections = 8192
	maxSales       = 100_000
)

func (o Options) check() error {
	switch {
	case o.Quads < 1 || o.Quads > maxQuads:
		return fmt.Errorf("%w: %d quads, not 1..%d", ErrOptions, o.Quads, maxQuads)
	case o.Duration < time.Second || o.Duration > maxDuration || o.Duration%time.Second != 0:
		return fmt.Errorf("%w: duration %v is not whole seconds from 1s to %v", ErrOptions, o.Duration, maxDuration)
	case o.Connections < 1 || o.Connections > maxConnections:
		return fmt.Errorf("%w: %d connections, not 1..%d", ErrOptions, o.Connections, maxConnections)
	case len(o.Sales) == 0:
		return fmt.Errorf("%w: no number of sales", ErrOptions)
	}
	for _, n := range o.Sales {
		if n < 1 || n > maxSales {
			return fmt.Errorf("%w: %d sales, not 1..%d", ErrOptions, n, maxSales)
		}
	}
	return nil
}

func (o Options) steps() int { return len(o.Sales) * o.Quads * len(quad()) }

// quad is the order of a round, in which a drift of the machine adds the same to both.
func quad() []string { return []string{Flag, Return, Return, Flag} }
