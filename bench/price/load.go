package price

import (
	"context"
	"fmt"
	"time"

	"spike/bench"
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

// says checks that a server answers a buy with this code.
func says(ctx context.Context, url string, code int) error {
	r, err := crowd.Run(ctx, crowd.Options{URLs: []string{url}, Connections: 1, Requests: 1})
	if err == nil && r.Codes[code] != 1 {
		err = fmt.Errorf("%w: expected code %d, got codes %v, statuses %v", bench.ErrDependency, code, r.Codes, r.Statuses)
	}
	return err
}

// spent loads a site, and reads what that cost.
func spent(ctx context.Context, site *rig.Site, load func() error) (rig.Costs, error) {
	before, err := site.Costs(ctx)
	if err != nil {
		return before, err
	}
	if err = load(); err != nil {
		return before, err
	}
	after, err := site.SettledCosts(ctx)
	return after.Since(before), err
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
