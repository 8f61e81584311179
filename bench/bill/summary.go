package bill

import (
	"slices"
	"time"

	"spike/bench/front"
	"spike/bench/stats"
)

// Summary is one design: CPU-seconds for a million requests.
type Summary struct {
	Design string `json:"design"`

	Total   stats.Spread `json:"total"`
	Nginx   stats.Spread `json:"nginx"`
	Servers stats.Spread `json:"servers"`
	Redis   stats.Spread `json:"redis"`
	Gate    stats.Spread `json:"gate"`

	Reached stats.Spread `json:"reached_percent"` // requests that came as far as a server; N is 0: nobody counted
	PerSec  stats.Spread `json:"requests_per_second"`
	P50     stats.Spread `json:"p50_ms"`
	P99     stats.Spread `json:"p99_ms"`
	Wrong   int          `json:"wrong"` // turns in which something was
}

// Ratio is one design's bill over another's, within each round.
type Ratio struct {
	Of     string       `json:"of"`
	Over   string       `json:"over"`
	Ratio  stats.Spread `json:"ratio"`
	Target float64      `json:"target"` // at most
}

// Met says whether the median is within the target.
func (r Ratio) Met() bool { return r.Ratio.N > 0 && r.Ratio.Median <= r.Target }

// Summarise makes a summary for each design that was run, in the order of the tables.
func Summarise(samples []Sample) (all []Summary) {
	for _, name := range Designs() {
		if mine := of(samples, name); len(mine) > 0 {
			all = append(all, summarise(name, mine))
		}
	}
	return all
}

func of(samples []Sample, design string) []Sample {
	return slices.DeleteFunc(slices.Clone(samples), func(s Sample) bool { return s.Design != design })
}

func summarise(name string, mine []Sample) Summary {
	over := func(f func(Sample) float64) stats.Spread {
		var values []float64
		for _, s := range mine {
			values = append(values, f(s))
		}
		return stats.Of(values)
	}
	part := func(f func(front.Cost) time.Duration) stats.Spread {
		return over(func(s Sample) float64 { return s.perMillion(f(s.Cost)) })
	}
	sum := Summary{Design: name, Total: part(front.Cost.Total),
		Nginx:   part(func(c front.Cost) time.Duration { return c.Nginx }),
		Servers: part(func(c front.Cost) time.Duration { return c.Servers }),
		Redis:   part(func(c front.Cost) time.Duration { return c.Redis }),
		Gate:    part(func(c front.Cost) time.Duration { return c.Gate }),
		PerSec:  over(func(s Sample) float64 { return s.Load.PerSecond() }),
		P50:     over(func(s Sample) float64 { return s.Load.Latency.P50.Seconds() * 1000 }),
		P99:     over(func(s Sample) float64 { return s.Load.Latency.P99.Seconds() * 1000 })}
	if name != Article {
		sum.Reached = over(func(s Sample) float64 { return 100 * float64(s.Reached) / float64(s.Load.Answered) })
	}
	for _, s := range mine {
		if len(s.Wrong) > 0 {
			sum.Wrong++
		}
	}
	return sum
}

// Ratios returns the ratios that have a target. A ratio is taken within a round.
func Ratios(samples []Sample) []Ratio {
	all := slices.Clone(targets)
	for i := range all {
		var values []float64
		for _, a := range of(samples, all[i].Of) {
			for _, b := range of(samples, all[i].Over) {
				if a.Round == b.Round {
					values = append(values, a.perMillion(a.Cost.Total())/b.perMillion(b.Cost.Total()))
				}
			}
		}
		all[i].Ratio = stats.Of(values)
	}
	return all
}

// Wrong returns every fault.
func Wrong(samples []Sample) (all []string) {
	for _, s := range samples {
		for _, w := range s.Wrong {
			all = append(all, s.Design+": "+w)
		}
	}
	return all
}
