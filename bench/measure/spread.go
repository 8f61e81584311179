package measure

import (
	"math"
	"slices"
)

// Spread is a set of values in brief. All fields are numbers; N is 0 for an empty set.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	N      int     `json:"n"`
}

// Of summarises values. It leaves out values that are not a number: measurements that this machine cannot make.
func Of(values ...float64) Spread {
	sorted := slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	n := len(sorted)
	if n == 0 {
		return Spread{}
	}
	slices.Sort(sorted)
	return Spread{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Min: sorted[0], Max: sorted[n-1], N: n}
}

// mean is not a number if one of the values is not, or if there are none.
func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
