package balance

import (
	"math"

	"spike/bench/front"
	"spike/bench/stats"
)

// Summary is one way.
type Summary struct {
	Way       string    `json:"way"`
	Counts    []int64   `json:"counts"` // by edge, all turns together
	Wanted    []float64 `json:"wanted"` // shares
	Jain      float64   `json:"jain"`
	Deviation float64   `json:"deviation_percent"`
	Faulty    int64     `json:"faulty"`

	Kept    Cost         `json:"kept"`     // with connections kept alive
	NotKept Cost         `json:"not_kept"` // without
	Ratio   stats.Spread `json:"ratio"`    // without over with kept connections, nginx and edges together, within each round
	OverRR  stats.Spread `json:"over_rr"`  // with kept connections, over round robin with them
}

// Cost is CPU microseconds per request.
type Cost struct {
	Nginx stats.Spread `json:"nginx_us"`
	Edges stats.Spread `json:"edges_us"`
	Both  stats.Spread `json:"both_us"`
}

// Summarise makes a summary for each way that was run, in the order of the tables.
func Summarise(samples []Sample) (all []Summary) {
	for _, w := range Ways() {
		mine := stats.Only(samples, func(s Sample) bool { return s.Way == w.Name })
		if len(mine) == 0 {
			continue
		}
		sum := Summary{Way: w.Name, Counts: make([]int64, edges), Wanted: w.Wanted()}
		for _, s := range mine {
			for i, n := range s.Counts {
				sum.Counts[i] += n
			}
			sum.Faulty += s.faulty()
		}
		sum.Jain, sum.Deviation = Jain(sum.Counts, sum.Wanted), Deviation(sum.Counts, sum.Wanted)
		sum.Kept, sum.NotKept = costOf(kept(mine, true)), costOf(kept(mine, false))
		sum.Ratio = ratios(kept(mine, false), kept(mine, true))
		if w.Name != RoundRobin {
			sum.OverRR = ratios(kept(mine, true), stats.Only(kept(samples, true), func(s Sample) bool { return s.Way == RoundRobin }))
		}
		all = append(all, sum)
	}
	return all
}

func costOf(samples []Sample) Cost {
	var nginx, edges, both []float64
	for _, s := range samples {
		n, e := front.Per(s.Cost.Nginx, s.Requests), front.Per(s.Cost.Servers, s.Requests)
		if n+e > 0 {
			nginx, edges, both = append(nginx, n), append(edges, e), append(both, n+e)
		}
	}
	return Cost{stats.Of(nginx), stats.Of(edges), stats.Of(both)}
}

// ratios returns the CPU of nginx and edges together, a over b, within each round.
func ratios(as, bs []Sample) stats.Spread {
	var all []float64
	for _, a := range as {
		for _, b := range bs {
			if a.Round == b.Round {
				all = append(all, a.both()/b.both())
			}
		}
	}
	return stats.Of(all)
}

// both is not a number if it is not known.
func (s Sample) both() float64 {
	if d := s.Cost.Nginx + s.Cost.Servers; d > 0 {
		return front.Per(d, s.Requests)
	}
	return math.NaN()
}

func kept(samples []Sample, yes bool) []Sample {
	return stats.Only(samples, func(s Sample) bool { return s.Kept == yes })
}
