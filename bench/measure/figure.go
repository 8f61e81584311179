package measure

import (
	"fmt"
	"math"
	"slices"
)

// Figure is a value that can be read of a subject among the samples of a part: a median, a sum, a ratio.
type Figure func(s Samples, subject string) Spread

// Median of a figure over all turns of the subject.
func Median(figure string) Figure {
	return func(s Samples, subject string) Spread { return s.Of(subject).Spread(figure) }
}

// Over is the subject's figure over that of another subject, within each round. A subject is not compared with itself.
func Over(figure, other string) Figure {
	return func(s Samples, subject string) Spread {
		if subject == other {
			return Spread{}
		}
		return s.Of(subject).Ratio(figure, s.Of(other))
	}
}

// Sum of a figure over all turns of the subject.
func Sum(figure string) Figure {
	return total(figure, func(mine Samples) float64 { return mine.Sum(figure) })
}

// Each is the sum of a figure over the sum of another.
func Each(figure, of string) Figure {
	return total(figure, func(mine Samples) float64 { return mine.Sum(figure) / mine.Sum(of) })
}

// total is one value for all turns of the subject, if the figure was read.
func total(figure string, of func(mine Samples) float64) Figure {
	return func(s Samples, subject string) Spread {
		if mine := s.Of(subject); mine.Spread(figure).N > 0 {
			return Of(of(mine))
		}
		return Spread{}
	}
}

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

// Target is what a value should come to.
type Target struct {
	What   string
	Least  bool // Bound is the least that it should be, and not the most
	Bound  float64
	Digits int // of the printed values
}

// Say says what was measured, and whether it is the target. Nothing is said of what was not measured.
func (t Target) Say(v Spread) []string {
	if v.N == 0 {
		return nil
	}
	word, met, verdict := "most", v.Median <= t.Bound, "missed"
	if t.Least {
		word, met = "least", v.Median >= t.Bound
	}
	if met {
		verdict = "met"
	}
	return []string{fmt.Sprintf("%s: %.*f (%.*f..%.*f of %d); target at %s %.*f: %s", t.What, t.Digits, v.Median, t.Digits, v.Min,
		t.Digits, v.Max, v.N, word, t.Digits, t.Bound, verdict)}
}
