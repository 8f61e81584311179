package demo

import (
	"fmt"
	"time"

	"spike/bench/rig"
)

// Options of a demo.
type Options struct {
	Binary      string // the spike program; the edges are `spike serve`
	Requests    int64  `range:"1..1000000000"`
	Units       int64  `range:"1..100000000"`
	Connections int    `range:"1..8192"`  // nginx needs two of its own for each
	BasePort    int    `range:"1..65532"` // the edges listen on this port and the next three
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
	sale          = rig.Sale
	host          = "127.0.0.1"
	defaultListen = host + ":8080"
)

// weights of the edges, as in the article: a tenth of the requests for the first, four for the last.
var weights = [...]int{1, 2, 3, 4}

func (o Options) step(format string, args ...any) {
	if o.OnStep != nil {
		o.OnStep(fmt.Sprintf(format, args...))
	}
}
