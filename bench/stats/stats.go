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

// ThereAndBack is the order of a round of n: 0 1 2 ... 2 1 0. For any two of them that is a Quad.
func ThereAndBack(n int) (order []int) {
	for i := range n {
		order = append(order, i)
	}
	for i := range n {
		order = append(order, n-1-i)
	}
	return order
}

// Values is one value of each sample.
func Values[S any](samples []S, of func(S) float64) []float64 {
	out := make([]float64, len(samples))
	for i, s := range samples {
		out[i] = of(s)
	}
	return out
}

// Measured makes of leave out what could not be measured, which is 0.
func Measured[S any](of func(S) float64) func(S) float64 {
	return func(s S) float64 {
		if v := of(s); v != 0 {
			return v
		}
		return math.NaN()
	}
}

// Only is the samples that keep accepts.
func Only[S any](samples []S, keep func(S) bool) []S {
	return slices.DeleteFunc(slices.Clone(samples), func(s S) bool { return !keep(s) })
}

// Quads are the ratios of a's samples to b's, one for each round in which both were measured twice. Rounds count from 1.
func Quads[S any](a, b []S, round func(S) int, of func(S) float64) Spread {
	var ratios []float64
	for n := 1; ; n++ {
		in := func(s S) bool { return round(s) == n }
		x, y := Values(Only(a, in), of), Values(Only(b, in), of)
		if len(x) != 2 || len(y) != 2 {
			return Of(ratios)
		}
		ratios = append(ratios, Quad{A1: x[0], B1: y[0], B2: y[1], A2: x[1]}.Ratio())
	}
}
