package realsale

import (
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
	mine := stats.Only(samples, sum.of)
	sum.PerSec = stats.Of(stats.Values(mine, perSec))
	sum.Cost = stats.Of(stats.Values(mine, stats.Measured(Sample.Cost)))
	sum.RedisCost = stats.Of(stats.Values(mine, stats.Measured(Sample.RedisCost)))
	sum.PerBuyer = stats.Of(stats.Values(mine, Sample.PerBuyer))
	sum.P50 = stats.Of(stats.Values(mine, func(s Sample) float64 { return s.Load.Latency.P50.Seconds() * 1000 }))
	sum.P99 = stats.Of(stats.Values(mine, func(s Sample) float64 { return s.Load.Latency.P99.Seconds() * 1000 }))
	for _, s := range mine {
		sum.Faulty += s.Faulty()
	}
	other := sum
	if other.Kind = Anonymous; other.Kind != sum.Kind {
		sum.ToAnonymous = ratios(mine, stats.Only(samples, other.of))
	}
	other = sum
	if other.Build = Base; other.Build != sum.Build {
		sum.ToBase = ratios(mine, stats.Only(samples, other.of))
	}
	return sum
}

func ratios(a, b []Sample) Ratios {
	quads := func(of func(Sample) float64) stats.Spread {
		return stats.Quads(a, b, func(s Sample) int { return s.Round }, of)
	}
	return Ratios{quads(perSec), quads(stats.Measured(Sample.Cost)), quads(stats.Measured(Sample.RedisCost))}
}

func perSec(s Sample) float64 { return s.Load.PerSecond() }
