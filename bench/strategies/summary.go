package strategies

import (
	"slices"
	"time"

	"spike/bench/stats"
)

// Summary is one strategy, over all rounds.
type Summary struct {
	Strategy     string       `json:"strategy"`
	PerSec       stats.Spread `json:"requests_per_second"` // answered in the rush
	P50          stats.Spread `json:"p50_ms"`              // of the rush
	P99          stats.Spread `json:"p99_ms"`
	Rows         stats.Spread `json:"rows_per_request"`
	Transactions stats.Spread `json:"transactions_per_request"`
	Won          stats.Spread `json:"won"`
	Oversold     stats.Spread `json:"oversold"`
	Stuck        stats.Spread `json:"stuck"`
	OnSale       stats.Spread `json:"on_sale"`
	PaidRush     stats.Spread `json:"paid_after_rush"` // percent of the units
	PaidEnd      stats.Spread `json:"paid_at_end"`     // percent of the units
	Faults       int64        `json:"faults"`          // all rounds
}

// Summarise makes one summary per strategy that was run.
func Summarise(samples []Sample) []Summary {
	var all []Summary
	for _, name := range Names() {
		mine := slices.DeleteFunc(slices.Clone(samples), func(s Sample) bool { return s.Strategy != name })
		if len(mine) > 0 {
			all = append(all, summarise(name, mine))
		}
	}
	return all
}

func summarise(name string, mine []Sample) Summary {
	of := func(f func(Sample) float64) stats.Spread {
		values := make([]float64, len(mine))
		for i, s := range mine {
			values[i] = f(s)
		}
		return stats.Of(values)
	}
	sum := Summary{
		Strategy:     name,
		PerSec:       of(func(s Sample) float64 { return s.Rush.PerSecond() }),
		P50:          of(func(s Sample) float64 { return ms(s.Rush.Latency.P50) }),
		P99:          of(func(s Sample) float64 { return ms(s.Rush.Latency.P99) }),
		Rows:         of(Sample.RowsPerRequest),
		Transactions: of(Sample.TransactionsPerRequest),
		Won:          of(func(s Sample) float64 { return float64(s.Won) }),
		Oversold:     of(func(s Sample) float64 { return float64(s.End.Oversold()) }),
		Stuck:        of(func(s Sample) float64 { return float64(s.End.Stuck) }),
		OnSale:       of(func(s Sample) float64 { return float64(s.End.OnSale) }),
		PaidRush:     of(func(s Sample) float64 { return 100 * s.AfterRush.PaidShare() }),
		PaidEnd:      of(func(s Sample) float64 { return 100 * s.End.PaidShare() }),
	}
	for _, s := range mine {
		sum.Faults += s.Faults()
	}
	return sum
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
