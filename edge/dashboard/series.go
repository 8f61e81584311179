package dashboard

import (
	"encoding/json"

	"spike/edge/buy"
	"spike/luascripts/ledger"
)

// The past that is kept, one point a second.
const (
	pointsMost = 600 // of a series
	sparkMost  = 60  // of a sale's spark
	seriesMost = 64  // sales that have a series, those with the newest buys first
)

// point is a sale at one second. Rates are per second; latency is p50, p99, p999 in ms. Unknown: NaN.
type point struct {
	t         int64 // Unix s
	places    [5]float64
	outcomes  [outcomesMost]float64
	won, rest [3]float64
}

const outcomesMost = 16

// outcomes are the names of outcomes, in the order of buy.Labels. The rest is "".
var outcomes = func() (names [outcomesMost]string) {
	copy(names[:], buy.Labels())
	return names
}()

const wonColumn = int(buy.Won)

var wonOutcome = outcomes[wonColumn]

// series is the last ten minutes of a sale.
type series struct {
	points []point
	text   json.RawMessage // the series as JSON; nil: there is a newer point
}

func (s *series) add(p point) {
	if len(s.points) == pointsMost {
		s.points = s.points[:copy(s.points, s.points[1:])]
	}
	s.points = append(s.points, p)
	s.text = nil
}

// seriesLook is a series by its columns, all of one length.
type seriesLook struct {
	T         []int64            `json:"t"`
	Free      numbers            `json:"free"`
	Leased    numbers            `json:"leased"`
	Limbo     numbers            `json:"limbo"`
	Pending   numbers            `json:"pending"`
	Confirmed numbers            `json:"confirmed"`
	Outcomes  map[string]numbers `json:"outcomes"` // those that were heard
	Won       latencyLook        `json:"won_ms"`
	Rest      latencyLook        `json:"rest_ms"`
}

type latencyLook struct {
	P50  numbers `json:"p50"`
	P99  numbers `json:"p99"`
	P999 numbers `json:"p999"`
}

// column is one figure of all points.
func (s *series) column(of func(*point) float64) numbers {
	all := make(numbers, len(s.points))
	for i := range s.points {
		all[i] = of(&s.points[i])
	}
	return all
}

func (s *series) look() seriesLook {
	l := seriesLook{T: make([]int64, len(s.points)), Outcomes: map[string]numbers{}}
	for i := range s.points {
		l.T[i] = s.points[i].t
	}
	for i, to := range []*numbers{&l.Free, &l.Leased, &l.Limbo, &l.Pending, &l.Confirmed} {
		*to = s.column(func(p *point) float64 { return p.places[i] })
	}
	for i, name := range outcomes {
		if c := s.column(func(p *point) float64 { return p.outcomes[i] }); heard(c) {
			l.Outcomes[name] = c
		}
	}
	for i, to := range []*numbers{&l.Won.P50, &l.Won.P99, &l.Won.P999} {
		*to = s.column(func(p *point) float64 { return p.won[i] })
	}
	for i, to := range []*numbers{&l.Rest.P50, &l.Rest.P99, &l.Rest.P999} {
		*to = s.column(func(p *point) float64 { return p.rest[i] })
	}
	return l
}

// heard says that a column has a number but 0.
func heard(c numbers) bool {
	for _, v := range c {
		if v > 0 {
			return true
		}
	}
	return false
}

// json is the series as text. It is made once for each new point.
func (s *series) json() json.RawMessage {
	if s.text == nil {
		s.text, _ = json.Marshal(s.look()) // numbers and words: cannot fail
	}
	return s.text
}

func places(h ledger.Head) [5]float64 {
	return [5]float64{float64(h.Free), float64(h.Leased), float64(h.Limbo), float64(h.Pending), float64(h.Confirmed)}
}

// percentiles are p50, p99 and p999 of answers that were counted in buckets, in ms. bounds are the buckets' upper bounds in ms;
// the answer is the bound of the percentile's bucket. Unknown: NaN.
func percentiles(counts []uint64, bounds []float64) [3]float64 {
	out := [3]float64{unknown, unknown, unknown}
	var all uint64
	for _, n := range counts {
		all += n
	}
	if all == 0 || len(bounds) < len(counts) {
		return out
	}
	for i, q := range []float64{0.5, 0.99, 0.999} {
		var seen uint64
		for b, n := range counts {
			if seen += n; float64(seen) >= q*float64(all) {
				out[i] = bounds[b]
				break
			}
		}
	}
	return out
}
