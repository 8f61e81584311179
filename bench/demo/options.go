package demo

import (
	"fmt"
	"time"

	"spike/bench"
)

// Options of a demo.
type Options struct {
	Binary      string // the spike program; the edges are `spike serve`
	Requests    int64
	Units       int64
	Connections int
	BasePort    int    // the edges listen on this port and the next three
	Listen      string // nginx' address; empty: 127.0.0.1:8080, or a free port if that is busy
	Out         string // folder for report and logs; empty: a temporary one, kept only after a failure

	OnStep        func(string)   // what is being done now
	OnProgress    func(Progress) // how far the crowd is, every ProgressEvery
	ProgressEvery time.Duration
}

// Progress is how far the crowd is.
type Progress struct {
	Done, Requests int64
	Sold           int64
	PerSecond      float64 // lately
}

const (
	sale           = "ticket"
	host           = "127.0.0.1"
	defaultListen  = host + ":8080"
	maxRequests    = 1_000_000_000
	maxUnits       = 100_000_000
	maxConnections = 8192 // nginx needs two of its own for each
)

// weights of the edges, as in the article: a tenth of the requests for the first, four for the last.
var weights = [...]int{1, 2, 3, 4}

// check refuses a number that is out of its range. Its error wraps bench.ErrUsage.
func (o Options) check() error {
	for _, c := range []struct {
		name    string
		n, high int64
	}{
		{"requests", o.Requests, maxRequests}, {"units", o.Units, maxUnits},
		{"connections", int64(o.Connections), maxConnections},
		{"base-port", int64(o.BasePort), 1<<16 - int64(len(weights))},
	} {
		if c.n < 1 || c.n > c.high {
			return fmt.Errorf("%w: --%s %d is not within 1..%d", bench.ErrUsage, c.name, c.n, c.high)
		}
	}
	return nil
}

func (o Options) step(format string, args ...any) {
	if o.OnStep != nil {
		o.OnStep(fmt.Sprintf(format, args...))
	}
}
