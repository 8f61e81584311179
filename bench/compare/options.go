package compare

import (
	"fmt"
	"slices"
	"time"

	"spike/bench"
	"spike/bench/peers"
)

// ErrOptions means that the options of a comparison are wrong.
var ErrOptions = fmt.Errorf("%w: compare", bench.ErrUsage)

// Edge is the name of the server that is compared with its peers.
const Edge = "edge"

// Servers in the order of the tables.
func Servers() []string { return []string{Edge, peers.Bare, peers.OneScript, peers.Article} }

// Options of a comparison.
type Options struct {
	Binary      string        `json:"-"` // the spike program: every server is started from it
	Quads       int           `json:"quads"`
	Duration    time.Duration `json:"duration_ns"` // of one load by wrk, whole seconds
	Connections int           `json:"connections"`
	Threads     int           `json:"threads"`     // of wrk
	ABRequests  int           `json:"ab_requests"` // of the cross-check; 0: none
	Procs       int           `json:"procs"`       // GOMAXPROCS of every server; 0: their own default
	Hold        string        `json:"hold"`        // of the edge's sale; empty: the sale is made by HMSET and has none
	EdgeArgs    []string      `json:"edge_args"`   // in addition
	Headers     []string      `json:"headers"`     // of each request, each "Name: value"
	Only        []string      `json:"only"`        // names of scenarios and of servers; empty: all

	OnStep func(done, all int, what string) `json:"-"`
}

const maxQuads, maxDuration = 1000, 10 * time.Minute

func (o Options) check() error {
	switch {
	case o.Quads < 1 || o.Quads > maxQuads:
		return fmt.Errorf("%w: %d quads, not 1..%d", ErrOptions, o.Quads, maxQuads)
	case o.Duration < time.Second || o.Duration > maxDuration || o.Duration%time.Second != 0:
		return fmt.Errorf("%w: duration %v is not whole seconds from 1s to %v", ErrOptions, o.Duration, maxDuration)
	case o.Threads < 1 || o.Connections < o.Threads:
		return fmt.Errorf("%w: %d connections on %d threads", ErrOptions, o.Connections, o.Threads)
	}
	for _, name := range o.Only {
		if !slices.Contains(Servers(), name) && name != SoldOut && name != Selling {
			return fmt.Errorf("%w: --only %s is neither a scenario nor a server", ErrOptions, name)
		}
	}
	return nil
}

// scenarios returns the wanted scenarios, or all if none was named.
func (o Options) scenarios() []Scenario {
	return chosen(Scenarios(), o.Only, func(s Scenario) string { return s.Name })
}

// servers returns the wanted servers, or all if none was named.
func (o Options) servers() []string {
	return chosen(Servers(), o.Only, func(s string) string { return s })
}

func chosen[T any](all []T, only []string, name func(T) string) []T {
	some := slices.DeleteFunc(slices.Clone(all), func(t T) bool { return !slices.Contains(only, name(t)) })
	if len(some) == 0 {
		return all
	}
	return some
}
