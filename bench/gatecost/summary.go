package gatecost

import (
	"slices"

	"spike/bench/stats"
)

// Summary is the two beside each other, with so many sales.
type Summary struct {
	Sales  int          `json:"sales"`
	Flag   stats.Spread `json:"flag_us"`   // nginx CPU, microseconds per request
	Return stats.Spread `json:"return_us"` // the same
	Ratio  stats.Spread `json:"ratio"`     // within each quad
	PerSec stats.Spread `json:"flag_requests_per_second"`
	P99    stats.Spread `json:"flag_p99_ms"`
	Faulty int64        `json:"faulty"` // requests of both that were not answered with 200
}

// Met says whether the median of the ratio is within the target.
func (s Summary) Met() bool { return s.Ratio.N > 0 && s.Ratio.Median <= Target }

// Summarise makes a summary for each number of sales, in their order.
func Summarise(samples []Sample) (all []Summary) {
	var seen []int
	for _, s := range samples {
		if !slices.Contains(seen, s.Sales) {
			seen = append(seen, s.Sales)
			all = append(all, summarise(s.Sales, stats.Only(samples, func(x Sample) bool { return x.Sales == s.Sales })))
		}
	}
	return all
}

func summarise(sales int, in []Sample) Summary {
	mine := stats.Only(in, func(s Sample) bool { return s.Server == Flag })
	sum := Summary{Sales: sales, Flag: stats.Of(costs(mine)), Ratio: stats.Of(ratios(in)),
		Return: stats.Of(costs(stats.Only(in, func(s Sample) bool { return s.Server == Return }))),
		PerSec: stats.Of(stats.Values(mine, func(s Sample) float64 { return s.PerSec })),
		P99:    stats.Of(stats.Values(mine, func(s Sample) float64 { return s.P99.Seconds() * 1000 }))}
	for _, s := range in {
		sum.Faulty += s.Faults()
	}
	return sum
}

// ratios returns one ratio for each whole quad.
func ratios(in []Sample) (all []float64) {
	for round := 1; ; round++ {
		mine := stats.Only(in, func(s Sample) bool { return s.Round == round })
		if len(mine) == 0 {
			return all
		}
		a := costs(stats.Only(mine, func(s Sample) bool { return s.Server == Flag }))
		b := costs(stats.Only(mine, func(s Sample) bool { return s.Server == Return }))
		if len(mine) == len(quad()) {
			all = append(all, stats.Quad{A1: a[0], B1: b[0], B2: b[1], A2: a[1]}.Ratio())
		}
	}
}

// costs returns what could be measured: 0 means not measured.
func costs(samples []Sample) []float64 {
	return stats.Values(samples, stats.Measured(Sample.Cost))
}
