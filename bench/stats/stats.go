// Package stats has the few statistics that a comparison of two servers needs.
//
// Noise on a shared machine is one-sided and drifts, so means and standard deviations mislead. A result is a median with its
// smallest and largest value beside it, over quads in which drift cancels out.
package stats

import (
	"math"
	"slices"
)

// Spread is a set of measurements in brief. All fields are NaN-free; N is 0 for an empty set.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	N      int     `json:"n"`
}

// Of summarises values. It leaves out values that are not a number: measurements that this machine cannot make.
func Of(values []float64) Spread {
	sorted := make([]float64, 0, len(values))
	for _, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			sorted = append(sorted, v)
		}
	}
	if len(sorted) == 0 {
		return Spread{}
	}
	slices.Sort(sorted)
	return Spread{Median: middle(sorted), Min: sorted[0], Max: sorted[len(sorted)-1], N: len(sorted)}
}

// Median of values; NaN if there are none.
func Median(values []float64) float64 {
	s := Of(values)
	if s.N == 0 {
		return math.NaN()
	}
	return s.Median
}

func middle(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// Quad is one round in the order A B B A. A drift that is linear over the round adds the same to both
// sums, so it cancels out of the ratio.
type Quad struct{ A1, B1, B2, A2 float64 }

// Ratio is (A1+A2)/(B1+B2), or NaN if B cost nothing.
func (q Quad) Ratio() float64 {
	b := q.B1 + q.B2
	if b == 0 {
		return math.NaN()
	}
	return (q.A1 + q.A2) / b
}
