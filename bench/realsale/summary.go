package realsale

import (
	"math"
	"slices"

	"spike/bench/stats"
)

// Summary is one kind of sale in one phase, sold by one program.
type Summary struct {
	Phase string `json:"phase"`
	Kind  string `json:"kind"`
	Build string `json:"build"`

	PerSec    stats.Spread `json:"buys_per_second"`
	Cost      stats.Spread `json:"edge_us"`  // CPU a buy
	RedisCost stats.Spread `json:"redis_us"` // CPU a buy
	PerBuyer  stats.Spread `json:"scripts"`  // a buy
	P50       stats.Spread `json:"p50_ms"`
	P99       stats.Spread `json:"p99_ms"`
	Faulty    int64        `json:"faulty"`

	ToAnonymous Ratios `json:"to_anonymous"` // of the same program; N is 0 for the anonymous sale itself
	ToBase      Ratios `json:"to_base"`      // of the same kind; N is 0 for the base itself
}

// Ratios are within a round.
type Ratios struct {
	PerSec    stats.Spread `json:"buys_per_second"`
	Cost      stats.Spread `json:"edge_us"`
	RedisCost stats.Spread `json:"redis_us"`
}

// Summarise makes a summary for each phase, kind and program, in the order of their loads.
func Summarise(samples []Sample) (all []Summary) {
	for _, s := range samples {
		if !slices.ContainsFunc(all, func(sum Summary) bool { return sum.of(s) }) {
			all = append(all, summarise(s, samples))
		}
	}
	return all
}

func (sum Summary) of(s Sample) bool {
	return sum.Phase == s.Phase && sum.Kind == s.Kind && sum.Build == s.Build
}

func summarise(like Sample, samples []Sample) Summary {
	sum := Summary{Phase: like.Phase, Kind: like.Kind, Build: like.Build}
	mine := only(samples, sum.of)
	sum.PerSec = stats.Of(values(mine, perSec))
	sum.Cost = stats.Of(values(mine, measured(Sample.Cost)))
	sum.RedisCost = stats.Of(values(mine, measured(Sample.RedisCost)))
	sum.PerBuyer = stats.Of(values(mine, Sample.PerBuyer))
	sum.P50 = stats.Of(values(mine, func(s Sample) float64 { return s.Load.Latency.P50.Seconds() * 1000 }))
	sum.P99 = stats.Of(values(mine, func(s Sample) float64 { return s.Load.Latency.P99.Seconds() * 1000 }))
	for _, s := range mine {
		sum.Faulty += s.Faulty()
	}
	other := sum
	if other.Kind = Anonymous; other.Kind != sum.Kind {
		sum.ToAnonymous = ratios(mine, only(samples, other.of))
	}
	other = sum
	if other.Build = Base; other.Build != sum.Build {
		sum.ToBase = ratios(mine, only(samples, other.of))
	}
	return sum
}

func ratios(a, b []Sample) Ratios {
	return Ratios{ratio(a, b, perSec), ratio(a, b, measured(Sample.Cost)), ratio(a, b, measured(Sample.RedisCost))}
}

// ratio is of the quads of all rounds in which both were loaded twice.
func ratio(a, b []Sample, of func(Sample) float64) stats.Spread {
	var quads []float64
	for round := 1; ; round++ {
		in := func(s Sample) bool { return s.Round == round }
		x, y := values(only(a, in), of), values(only(b, in), of)
		if len(x) != 2 || len(y) != 2 {
			return stats.Of(quads)
		}
		quads = append(quads, stats.Quad{A1: x[0], B1: y[0], B2: y[1], A2: x[1]}.Ratio())
	}
}

func perSec(s Sample) float64 { return s.Load.PerSecond() }

// measured leaves out what could not be measured, which is 0.
func measured(of func(Sample) float64) func(Sample) float64 {
	return func(s Sample) float64 {
		if v := of(s); v > 0 {
			return v
		}
		return math.NaN()
	}
}

func values(samples []Sample, of func(Sample) float64) []float64 {
	out := make([]float64, len(samples))
	for i, s := range samples {
		out[i] = of(s)
	}
	return out
}

func only(samples []Sample, keep func(Sample) bool) []Sample {
	return slices.DeleteFunc(slices.Clone(samples), func(s Sample) bool { return !keep(s) })
}
