package measure

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// Figures are what was read of a turn, by name. A figure that this machine cannot read is absent, or not a number.
type Figures map[string]float64

// MarshalJSON leaves out what is not a number.
func (f Figures) MarshalJSON() ([]byte, error) {
	known := map[string]float64{}
	maps.Copy(known, f)
	maps.DeleteFunc(known, func(_ string, v float64) bool { return Of(v).N == 0 })
	return json.Marshal(known)
}

// Faulty is the figure that counts what was not as it must be.
const Faulty = "faulty"

// Sample is what was read of one turn.
type Sample struct {
	Turn
	Figures Figures  `json:"figures"`
	Wrong   []string `json:"wrong,omitempty"` // in words
	Raw     any      `json:"raw,omitempty"`   // what the figures were made of
}

// Samples are those of an experiment, in the order of their turns.
type Samples []Sample

// Where returns the samples that keep accepts.
func (s Samples) Where(keep func(Sample) bool) Samples {
	return slices.DeleteFunc(slices.Clone(s), func(one Sample) bool { return !keep(one) })
}

// In returns the samples of a part.
func (s Samples) In(part string) Samples {
	return s.Where(func(one Sample) bool { return one.Part == part })
}

// Of returns the samples of a subject.
func (s Samples) Of(subject string) Samples {
	return s.Where(func(one Sample) bool { return one.Subject == subject })
}

// Parts returns the names of the parts, in the order of their first turns.
func (s Samples) Parts() []string { return distinct(s, func(one Sample) string { return one.Part }) }

// Subjects returns the names of the subjects, in the order of their first turns.
func (s Samples) Subjects() []string {
	return distinct(s, func(one Sample) string { return one.Subject })
}

func distinct[K comparable](s Samples, of func(Sample) K) (all []K) {
	for _, one := range s {
		if !slices.Contains(all, of(one)) {
			all = append(all, of(one))
		}
	}
	return all
}

// values returns a figure of each sample. It is not a number where it is absent.
func (s Samples) values(figure string) (all []float64) {
	for _, one := range s {
		v, read := one.Figures[figure]
		if !read {
			v = math.NaN()
		}
		all = append(all, v)
	}
	return all
}

// Spread of a figure.
func (s Samples) Spread(figure string) Spread { return Of(s.values(figure)...) }

// Sum of a figure; 0 if nobody has it.
func (s Samples) Sum(figure string) (sum float64) {
	for _, v := range s.values(figure) {
		if Of(v).N > 0 {
			sum += v
		}
	}
	return sum
}

// Ratio is the figure of these samples over that of others: one value for each round in which both were read, mean over mean.
// In a round A B B A it is (A1+A2)/(B1+B2).
func (s Samples) Ratio(figure string, others Samples) Spread {
	var ratios []float64
	for _, round := range distinct(s, func(one Sample) int { return one.Round }) {
		in := func(one Sample) bool { return one.Round == round }
		ratios = append(ratios, mean(s.Where(in).values(figure))/mean(others.Where(in).values(figure)))
	}
	return Of(ratios...)
}

// Wrong returns what was not as it must be, with the subjects' names.
func (s Samples) Wrong() (all []string) {
	for _, one := range s {
		for _, w := range one.Wrong {
			all = append(all, one.Subject+": "+w)
		}
	}
	return all
}

// Per is a time for each of n, in microseconds: CPU-seconds for a million. It is not a number if there are none, or if the time
// is 0: not known on this system.
func Per(d time.Duration, n int64) float64 {
	if n <= 0 || d <= 0 {
		return math.NaN()
	}
	return float64(d) / float64(time.Microsecond) / float64(n)
}

// Share is n of all; not a number of none.
func Share(n, all int64) float64 {
	if all == 0 {
		return math.NaN()
	}
	return float64(n) / float64(all)
}

// Millis is a time in milliseconds.
func Millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

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
