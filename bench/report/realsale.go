package report

import (
	"fmt"
	"io"
	"strconv"

	"spike/bench/realsale"
	"spike/bench/stats"
)

// RealSale is what real sales cost, beside an anonymous one.
type RealSale struct {
	Machine   Machine            `json:"machine"`
	Options   realsale.Options   `json:"options"`
	BaseIs    string             `json:"base_is"` // what the other program says it is
	Summaries []realsale.Summary `json:"summaries"`
	Samples   []realsale.Sample  `json:"samples"` // raw
}

// Save writes real.txt, .md and .json into a folder. It makes the folder if necessary.
func (r RealSale) Save(dir string) error {
	return save(dir, map[string]func(io.Writer) error{"real.txt": r.Text, "real.md": r.Markdown, "real.json": r.JSON})
}

// JSON writes everything, raw samples included.
func (r RealSale) JSON(w io.Writer) error { return writeJSON(w, r) }

// Text writes the tables for a terminal.
func (r RealSale) Text(w io.Writer) error {
	writeText(w, r.Machine, r.tables())
	return nil
}

// Markdown writes the same tables for a page.
func (r RealSale) Markdown(w io.Writer) error {
	writeMarkdown(w, r.Machine, r.tables())
	return nil
}

// Faulty is how many buyers heard what they should not.
func (r RealSale) Faulty() (n int64) {
	for _, s := range r.Summaries {
		n += s.Faulty
	}
	return n
}

var phaseTitles = map[string]string{
	realsale.Selling:   "Selling: every buyer wins",
	realsale.OverLimit: "Over the limit: every buyer has all that it may have",
	realsale.NoneNow:   "None now: every unit is held, and may come back",
	realsale.SoldOut:   "Sold out: every unit is paid for",
}

func (r RealSale) tables() (all []table) {
	for _, p := range realsale.Phases() {
		cost := table{title: phaseTitles[p.Name], head: []string{"sale", "buys/s", "min..max", "edge us/buy", "min..max",
			"Redis us/buy", "min..max", "scripts/buy", "min..max", "p50 ms", "p99 ms", "faulty"}}
		beside := table{title: phaseTitles[p.Name] + " (within a round)", head: []string{"sale", "beside", "buys/s", "min..max",
			"edge us", "min..max", "Redis us", "min..max"}}
		for _, s := range r.Summaries {
			if s.Phase != p.Name {
				continue
			}
			row := cells(r.name(s), []stats.Spread{s.PerSec, s.Cost, s.RedisCost, s.PerBuyer}, 0, 1, 2, 4)
			cost.rows = append(cost.rows, append(row, number(s.P50, 2), number(s.P99, 2), strconv.FormatInt(s.Faulty, 10)))
			beside.add(r.name(s), "anonymous", s.ToAnonymous)
			beside.add(r.name(s), "base", s.ToBase)
			cost.notes = append(cost.notes, realTargets(s)...)
		}
		if len(cost.rows) > 0 {
			all = append(all, cost)
		}
		if len(beside.rows) > 0 {
			all = append(all, beside)
		}
	}
	if len(all) > 0 {
		all[len(all)-1].notes = append(all[len(all)-1].notes, r.how()...)
	}
	return all
}

func (t *table) add(name, beside string, r realsale.Ratios) {
	if r.PerSec.N > 0 {
		row := cells(name, []stats.Spread{r.PerSec, r.Cost, r.RedisCost}, 3, 3, 3)
		t.rows = append(t.rows, append([]string{name, beside}, row[1:]...))
	}
}

// name tells the two programs apart, if there are two.
func (r RealSale) name(s realsale.Summary) string {
	if r.Options.Base == "" {
		return s.Kind
	}
	return s.Kind + ", " + s.Build
}

// realTargets says what a real sale should come to, and whether it does.
func realTargets(s realsale.Summary) (notes []string) {
	t := realsale.Targets[s.Phase]
	if s.Kind != realsale.Real || s.Build != realsale.This {
		return nil
	}
	note := func(what string, got stats.Spread, target float64, least bool) {
		if target == 0 || got.N == 0 {
			return
		}
		word, ok := "most", got.Median <= target
		if least {
			word, ok = "least", got.Median >= target
		}
		notes = append(notes, fmt.Sprintf("%s: %.4g (%.4g..%.4g), target at %s %g: %s", what, got.Median, got.Min, got.Max,
			word, target, met(ok)))
	}
	note("buys/s, x anonymous", s.ToAnonymous.PerSec, t.PerSec, true)
	note("edge CPU, x anonymous", s.ToAnonymous.Cost, t.Cost, false)
	note("edge us/buy", s.Cost, t.CostUs, false)
	note("Redis us/buy", s.RedisCost, t.RedisUs, false)
	note("scripts/buy", s.PerBuyer, t.PerBuyer, false)
	return notes
}

func (r RealSale) how() []string {
	o := r.Options
	notes := []string{fmt.Sprintf("medians of %s, two loads of %v each, %d connections, hold %v; headers as nginx passes "+
		"them on, a buyer and a key of its own for each request", plural(o.Rounds, "round"), o.Duration, o.Connections, o.Hold)}
	if o.Base != "" {
		notes = append(notes, "base is "+r.BaseIs)
	}
	return notes
}
