package report

import (
	"fmt"
	"io"
	"strconv"

	"spike/bench/durable"
	"spike/bench/stats"
)

// Durable is what sales cost whose buyers hear of them when they are durable.
type Durable struct {
	Machine   Machine           `json:"machine"`
	Options   durable.Options   `json:"options"`
	Summaries []durable.Summary `json:"summaries"`
	Samples   []durable.Sample  `json:"samples"` // raw
}

// Save writes durable.txt, .md and .json into a folder. It makes the folder if necessary.
func (r Durable) Save(dir string) error {
	return save(dir, map[string]func(io.Writer) error{"durable.txt": r.Text, "durable.md": r.Markdown, "durable.json": r.JSON})
}

// JSON writes everything, raw samples included.
func (r Durable) JSON(w io.Writer) error { return writeJSON(w, r) }

// Text writes the table for a terminal.
func (r Durable) Text(w io.Writer) error {
	writeText(w, r.Machine, r.tables())
	return nil
}

// Markdown writes the same table for a page.
func (r Durable) Markdown(w io.Writer) error {
	writeMarkdown(w, r.Machine, r.tables())
	return nil
}

// Faulty is how many buyers did not win, and how many wins no store has.
func (r Durable) Faulty() (n int64) {
	for _, s := range r.Summaries {
		n += s.Faulty
	}
	return n
}

func (r Durable) tables() []table {
	t := table{title: "Durable before the answer", head: []string{"store", "units/s", "min..max", "x row", "min..max",
		"p50 ms", "min..max", "p99 ms", "min..max", "p99.9 ms", "min..max", "server us/unit", "min..max",
		"Redis us/unit", "min..max", "units/script",
		"units/WAIT", "faulty"}}
	for _, s := range r.Summaries {
		row := cells(s.Way, []stats.Spread{s.PerSec, s.ToRow, s.P50, s.P99, s.P999, s.Cost, s.StoreCost}, 0, 2, 2, 2, 2, 1, 2)
		t.rows = append(t.rows, append(row, number(s.PerScript, 1), number(s.PerWait, 1), strconv.FormatInt(s.Faulty, 10)))
		t.notes = append(t.notes, fmt.Sprintf("%s: target at least %d units/s: %s; p99.9 at most %d ms: %s", s.Way,
			durable.TargetPerSec, met(s.PerSec.Median >= durable.TargetPerSec),
			durable.TargetP999ms, met(s.P999.Median <= durable.TargetP999ms)))
	}
	o := r.Options
	t.notes = append(t.notes, fmt.Sprintf("medians of %s, two loads of %v each, %d connections; load, server and store share "+
		"the machine", plural(o.Rounds, "round"), o.Duration, o.Connections))
	return []table{t}
}
