package durable

import "spike/bench/stats"

// Targets of a durable sale. They are printed, and never asserted.
const (
	TargetPerSec = 31_000 // units, at least
	TargetP999ms = 20     // at most
)

// Summary is one way.
type Summary struct {
	Way string `json:"way"`

	PerSec    stats.Spread `json:"units_per_second"`
	P50       stats.Spread `json:"p50_ms"`
	P99       stats.Spread `json:"p99_ms"`
	P999      stats.Spread `json:"p999_ms"`
	Cost      stats.Spread `json:"server_us"` // CPU a unit
	StoreCost stats.Spread `json:"redis_us"`  // CPU a unit
	PerScript stats.Spread `json:"units_per_script"`
	PerWait   stats.Spread `json:"units_per_wait"`
	Faulty    int64        `json:"faulty"`

	ToRow stats.Spread `json:"to_row"` // units a second, in those of Row; N is 0 for Row itself
}

// Summarise makes a summary for each way, in the order of the tables.
func Summarise(samples []Sample) (all []Summary) {
	row := stats.Only(samples, func(s Sample) bool { return s.Way == Row })
	for _, w := range Ways() {
		if mine := stats.Only(samples, func(s Sample) bool { return s.Way == w.Name }); len(mine) > 0 {
			all = append(all, summarise(w.Name, mine, row))
		}
	}
	return all
}

func summarise(way string, mine, row []Sample) Summary {
	of := func(value func(Sample) float64) stats.Spread {
		return stats.Of(stats.Values(mine, stats.Measured(value)))
	}
	sum := Summary{Way: way, PerSec: of(Sample.PerSec), Cost: of(Sample.Cost), StoreCost: of(Sample.StoreCost),
		P50:       of(func(s Sample) float64 { return s.Load.Latency.P50.Seconds() * 1000 }),
		P99:       of(func(s Sample) float64 { return s.Load.Latency.P99.Seconds() * 1000 }),
		P999:      of(func(s Sample) float64 { return s.Load.Latency.P999.Seconds() * 1000 }),
		PerScript: of(func(s Sample) float64 { return per(s.Won, s.Scripts) }),
		PerWait:   of(func(s Sample) float64 { return per(s.Won, s.Waits) }),
	}
	for _, s := range mine {
		sum.Faulty += s.Faulty()
	}
	if way != Row {
		sum.ToRow = stats.Quads(mine, row, func(s Sample) int { return s.Round }, Sample.PerSec)
	}
	return sum
}

func per(n, of int64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}
