package measure

import (
	"encoding/json"
	"math"
	"slices"
	"time"
)

// Figures are what was read of a turn, by name. A figure that this machine cannot read is absent, or not a number.
type Figures map[string]float64

// MarshalJSON leaves out what is not a number.
func (f Figures) MarshalJSON() ([]byte, error) {
	known := map[string]float64{}
	for name, v := range f {
		if Of(v).N > 0 {
			known[name] = v
		}
	}
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
