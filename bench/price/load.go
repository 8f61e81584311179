// Package price measures what a buy costs. Each file is an experiment, whose flags are the fields of its struct:
//
//	answer   an edge beside a bare server, a script per request, and the article's design
//	count    ways to count a stock down by one, over GOMAXPROCS
//	share    how nginx shares a crowd among edges, and what each way costs
//	flag     "sold out" by a flag at nginx, beside return 200 of the same body
//	bill     the CPU time of a whole spike: the article's design, ours, ours with the gate, and a sale with a limit
//	real     sales with a limit, a hold and keys, beside an anonymous one
//	durable  sales on a disk or on replicas before their buyers hear of them, beside a row of PostgreSQL
//
// A CPU time is of the servers' processes, by their own clocks, and their work after the last answer is in it.
package price

import (
	"context"
	"embed"
	"fmt"
	"os"
	"strings"
	"text/template"
	"time"

	"spike/bench/crowd"
	"spike/bench/measure"
	"spike/bench/report"
	"spike/bench/rig"
)

const (
	edge      = "edge"
	manyUnits = 100_000_000 // more than any run can sell
	maxWait   = 10 * time.Second
	won       = 1 // an answer's "code"
	soldOut   = -1
)

// named is what a thing that is measured is called.
type named string

func (n named) String() string { return string(n) }

// list is things with names, in the order of their turns.
type list[T fmt.Stringer] []T

func (l list[T]) names() (all []string) {
	for _, one := range l {
		all = append(all, one.String())
	}
	return all
}

func (l list[T]) of(name string) (found T) {
	for _, one := range l {
		if one.String() == name {
			found = one
		}
	}
	return found
}

// open is of an experiment whose subjects need not be started.
//
//nolint:unparam // Experiment wants an error.
func (l list[T]) open(_ context.Context, _, name string) (T, error) { return l.of(name), nil }

//go:embed *.conf.tmpl
var confFiles embed.FS

var confs = template.Must(template.ParseFS(confFiles, "*"))

func confOf(file string, data any) (string, error) {
	var b strings.Builder
	err := confs.ExecuteTemplate(&b, file, data)
	return b.String(), err
}

// crowdFigures are what our own crowd saw.
func crowdFigures(r crowd.Result) measure.Figures {
	return measure.Figures{"per_sec": r.PerSecond(), "p50_ms": measure.Millis(r.Latency.P50),
		"p99_ms": measure.Millis(r.Latency.P99), "p999_ms": measure.Millis(r.Latency.P999)}
}

// toolFigures are what wrk or ab saw.
func toolFigures(m crowd.Measurement) measure.Figures {
	return measure.Figures{"requests": float64(m.Requests), "per_sec": m.PerSec, "p50_ms": measure.Millis(m.P50),
		"p99_ms": measure.Millis(m.P99), measure.Faulty: float64(m.Faults())}
}

// openSite starts a site in a folder of its own, which nginx' workers may enter.
func openSite(ctx context.Context, h measure.Host, o rig.SiteOptions) (*rig.Site, error) {
	dir, err := os.MkdirTemp(h.Dir, "site-")
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		return nil, err
	}
	o.Binary, o.Dir = h.Program, dir
	return rig.Open(ctx, o)
}

// around loads, and reads numbers that only grow, before and after.
func around[R, S any](ctx context.Context, first, last func(context.Context) (R, error), load func() (S, error)) (before, after R,
	seen S, err error) {
	if before, err = first(ctx); err == nil {
		seen, err = load()
	}
	if err == nil {
		after, err = last(ctx)
	}
	return before, after, seen, err
}

// spent loads a site, and reads what that cost, with the work after the last answer.
func spent[S any](ctx context.Context, site *rig.Site, load func() (S, error)) (S, rig.Costs, error) {
	before, after, seen, err := around(ctx, site.Costs, site.SettledCosts, load)
	return seen, after.Since(before), err
}

// median is a column of a figure without its range.
func median(head string, digits int, figure string) report.Column {
	return report.Col(head, digits, measure.Median(figure))
}

// ranged is a column of a figure with its range.
func ranged(head string, digits int, figure string) report.Column {
	return report.Range(head, digits, measure.Median(figure))
}

// faulty is the column that should have zeros only.
func faulty() report.Column { return report.Col("faulty", 0, measure.Sum(measure.Faulty)) }
