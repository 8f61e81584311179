package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"spike/bench/compare"
	"spike/bench/counters"
	"spike/bench/peers"
	"spike/bench/stats"
)

// titles of the scenarios.
var titles = map[string]string{
	compare.SoldOut: "Sold out: every answer is a loser's",
	compare.Selling: "Selling: every answer is a winner's",
}

// tables returns the tables of all that was run.
func (r Report) tables() []table {
	var all []table
	for _, sc := range compare.Scenarios() {
		if rows := r.of(sc.Name); len(rows) > 0 {
			all = append(all, serverTable(sc, rows, r.Options), besideTable(sc, rows, r.Options))
		}
	}
	if len(r.Counters) > 0 {
		all = append(all, counterTable(r.Counters))
	}
	return all
}

func (r Report) of(scenario string) []compare.Summary {
	return slices.DeleteFunc(slices.Clone(r.Servers), func(s compare.Summary) bool { return s.Scenario != scenario })
}

// serverTable shows what the servers cost.
func serverTable(sc compare.Scenario, rows []compare.Summary, o *compare.Options) table {
	t := table{title: titles[sc.Name], head: []string{
		"server", "CPU us/request", "min..max", "x bare", "min..max", "requests/s", "p50 ms", "p99 ms", "faulty"}}
	for _, s := range rows {
		t.rows = append(t.rows, []string{s.Server,
			number(s.Cost, 2), spread(s.Cost, 2), number(s.Ratio, 3), spread(s.Ratio, 3),
			number(s.PerSec, 0), ms(s.P50), ms(s.P99), strconv.FormatInt(s.Faulty, 10)})
		t.notes = append(t.notes, ratioTarget(s)...)
	}
	t.notes = append(t.notes, howMeasured(o)...)
	return t
}

// besideTable shows what their Redis did meanwhile, and ab's figures.
func besideTable(sc compare.Scenario, rows []compare.Summary, o *compare.Options) table {
	t := table{title: titles[sc.Name] + " (Redis, and ab as a cross-check)", head: []string{
		"server", "Redis CPU us/request", "scripts", "scripts/" + answer(sc), "ab: CPU us/request", "ab: requests/s"}}
	for _, s := range rows {
		t.rows = append(t.rows, []string{s.Server, number(s.RedisCost, 2), count(s), scripts(s),
			fixed(s.ABCost, 2), fixed(s.ABPerSec, 0)})
		t.notes = append(t.notes, scriptTarget(sc, s)...)
	}
	if o != nil && o.ABRequests > 0 {
		t.notes = append(t.notes, fmt.Sprintf("ab: one pass of ab -l -k -n %d -c %d", o.ABRequests, o.Connections))
	}
	return t
}

func answer(sc compare.Scenario) string {
	if sc.Name == compare.Selling {
		return "unit"
	}
	return "request"
}

// ratioTarget says the target and whether it was met.
func ratioTarget(s compare.Summary) []string {
	if s.RatioTarget == 0 || s.Ratio.N == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: %.3f x bare (%.3f..%.3f in %s); target at most %.2f: %s", s.Server, s.Ratio.Median,
		s.Ratio.Min, s.Ratio.Max, plural(s.Ratio.N, "quad"), s.RatioTarget, met(s.Ratio.Median <= s.RatioTarget))}
}

func scriptTarget(sc compare.Scenario, s compare.Summary) []string {
	if s.ScriptTarget == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: %s per %s; target at most %g: %s", s.Server, plural(int(s.Scripts), "script")+", "+scripts(s),
		answer(sc), s.ScriptTarget, met(s.ScriptsPerAnswer() <= s.ScriptTarget))}
}

func met(ok bool) string {
	if ok {
		return "met"
	}
	return "missed"
}

func howMeasured(o *compare.Options) []string {
	if o == nil {
		return nil
	}
	procs := "default GOMAXPROCS"
	if o.Procs > 0 {
		procs = fmt.Sprintf("GOMAXPROCS=%d", o.Procs)
	}
	sale := "no hold"
	if o.Hold != "" {
		sale = "hold " + o.Hold
	}
	notes := []string{fmt.Sprintf("medians of %s by wrk -t%d -c%d -d%ds; servers with %s; edge's sale with %s",
		plural(o.Quads, "quad"), o.Threads, o.Connections, int(o.Duration.Seconds()), procs, sale)}
	if len(o.Headers) > 0 {
		notes = append(notes, "each request with "+strings.Join(o.Headers, ", "))
	}
	return notes
}

func counterTable(cells []counters.Cell) table {
	t := table{title: "Counting down by one: ns/operation, by GOMAXPROCS", head: []string{"counter"}}
	procs := procsOf(cells)
	for _, p := range procs {
		t.head = append(t.head, strconv.Itoa(p), "min..max")
	}
	for _, s := range counters.Strategies() {
		row := []string{s.Name}
		for _, p := range procs {
			ns := cell(cells, s.Name, p)
			row = append(row, number(ns, 1), spread(ns, 1))
		}
		t.rows = append(t.rows, row)
	}
	if len(cells) > 0 {
		t.notes = []string{"medians of " + plural(cells[0].Ns.N, "interleaved round") +
			"; wall time with all CPUs taking from one stock"}
	}
	return t
}

func procsOf(cells []counters.Cell) []int {
	var procs []int
	for _, c := range cells {
		if !slices.Contains(procs, c.Procs) {
			procs = append(procs, c.Procs)
		}
	}
	return procs
}

func cell(cells []counters.Cell, strategy string, procs int) stats.Spread {
	i := slices.IndexFunc(cells, func(c counters.Cell) bool { return c.Strategy == strategy && c.Procs == procs })
	if i < 0 {
		return stats.Spread{}
	}
	return cells[i].Ns
}

// dash stands for a value that was not measured.
const dash = "-"

func number(s stats.Spread, decimals int) string {
	if s.N == 0 {
		return dash
	}
	return strconv.FormatFloat(s.Median, 'f', decimals, 64)
}

func spread(s stats.Spread, decimals int) string {
	if s.N == 0 {
		return dash
	}
	return strconv.FormatFloat(s.Min, 'f', decimals, 64) + ".." + strconv.FormatFloat(s.Max, 'f', decimals, 64)
}

func fixed(v float64, decimals int) string {
	if v == 0 {
		return dash
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

// count formats a number of scripts; a dash for a server without Redis.
func count(s compare.Summary) string {
	if s.Server == peers.Bare {
		return dash
	}
	return strconv.FormatInt(s.Scripts, 10)
}

func scripts(s compare.Summary) string {
	if s.Server == peers.Bare {
		return dash
	}
	text := strconv.FormatFloat(s.ScriptsPerAnswer(), 'f', 6, 64)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

func ms(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 2, 64)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
