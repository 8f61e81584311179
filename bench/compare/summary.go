package compare

import (
	"time"

	"spike/bench/peers"
	"spike/bench/stats"
)

// Summary is one server in one scenario.
type Summary struct {
	Scenario string `json:"scenario"`
	Server   string `json:"server"`

	Cost      stats.Spread  `json:"cpu_us_per_request"`
	Ratio     stats.Spread  `json:"ratio_to_bare"` // of Cost; N is 0 where bare was not measured
	RedisCost stats.Spread  `json:"redis_cpu_us_per_request"`
	PerSec    stats.Spread  `json:"requests_per_second"`
	P50       time.Duration `json:"p50_ns"` // medians of the loads' percentiles
	P99       time.Duration `json:"p99_ns"`
	Requests  int64         `json:"requests"` // by wrk, all rounds
	Scripts   int64         `json:"scripts"`  // meanwhile
	Sold      int64         `json:"sold"`     // meanwhile
	Faulty    int64         `json:"faulty"`   // wrk and ab

	ABPerSec float64 `json:"ab_requests_per_second"` // 0: no cross-check
	ABCost   float64 `json:"ab_cpu_us_per_request"`

	RatioTarget  float64 `json:"ratio_target"` // of the edge; 0: none
	ScriptTarget float64 `json:"script_target"`
}

// ScriptsPerAnswer is how many scripts Redis ran per sold unit, or per request if no unit was sold.
func (s Summary) ScriptsPerAnswer() float64 {
	answers := s.Sold
	if answers == 0 {
		answers = s.Requests
	}
	if answers == 0 {
		return 0
	}
	return float64(s.Scripts) / float64(answers)
}

// Summarise makes one summary per scenario and server, in the order of the tables.
func Summarise(samples []Sample) []Summary {
	var all []Summary
	for _, sc := range Scenarios() {
		in := stats.Only(samples, func(s Sample) bool { return s.Scenario == sc.Name })
		for _, name := range Servers() {
			if mine := stats.Only(in, func(s Sample) bool { return s.Server == name }); len(mine) > 0 {
				all = append(all, summarise(sc, name, mine, ratios(name, in)))
			}
		}
	}
	return all
}

func summarise(sc Scenario, name string, mine []Sample, ratios []float64) Summary {
	wrk := stats.Only(mine, func(s Sample) bool { return s.Round > 0 })
	sum := Summary{
		Scenario: sc.Name, Server: name, Ratio: stats.Of(ratios),
		Cost:      stats.Of(stats.Values(wrk, stats.Measured(Sample.Cost))),
		RedisCost: stats.Of(stats.Values(wrk, stats.Measured(Sample.RedisCost))),
		PerSec:    stats.Of(stats.Values(wrk, stats.Measured(func(s Sample) float64 { return s.PerSec }))),
		P50:       time.Duration(stats.Of(stats.Values(wrk, stats.Measured(func(s Sample) float64 { return float64(s.P50) }))).Median),
		P99:       time.Duration(stats.Of(stats.Values(wrk, stats.Measured(func(s Sample) float64 { return float64(s.P99) }))).Median),
	}
	if name == Edge {
		sum.RatioTarget, sum.ScriptTarget = sc.RatioTarget, sc.ScriptTarget
	}
	for _, s := range wrk {
		sum.Requests += s.Requests
		sum.Scripts += s.Scripts
		sum.Sold += s.Sold
	}
	for _, s := range mine {
		sum.Faulty += s.Faulty()
		if s.Round == 0 {
			sum.ABPerSec, sum.ABCost = s.PerSec, s.Cost()
		}
	}
	return sum
}

// ratios returns a server's cost over bare's, one for each round. It is a quad if the server was loaded twice, as the edge
// is.
func ratios(name string, samples []Sample) []float64 {
	var out []float64
	for round := 1; ; round++ {
		in := stats.Only(samples, func(s Sample) bool { return s.Round == round })
		if len(in) == 0 {
			return out
		}
		mine, bare := costs(in, name), costs(in, peers.Bare)
		switch {
		case name == peers.Bare || len(bare) != 2:
		case len(mine) == 2:
			out = append(out, stats.Quad{A1: mine[0], B1: bare[0], B2: bare[1], A2: mine[1]}.Ratio())
		case len(mine) == 1:
			out = append(out, stats.Quad{A1: mine[0], B1: bare[0], B2: bare[1], A2: mine[0]}.Ratio())
		}
	}
}

func costs(samples []Sample, name string) []float64 {
	return stats.Values(stats.Only(samples, func(s Sample) bool { return s.Server == name }), stats.Measured(Sample.Cost))
}
