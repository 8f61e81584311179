package report

import (
	"fmt"
	"io"
	"strconv"

	"spike/bench/gatecost"
)

// GateCost is what "sold out" costs at nginx.
type GateCost struct {
	Machine   Machine            `json:"machine"`
	Options   gatecost.Options   `json:"options"`
	Summaries []gatecost.Summary `json:"summaries"`
	Samples   []gatecost.Sample  `json:"samples"` // raw
}

// Save writes gate.txt, .md and .json into a folder. It makes the folder if necessary.
func (r GateCost) Save(dir string) error {
	return save(dir, map[string]func(io.Writer) error{"gate.txt": r.Text, "gate.md": r.Markdown, "gate.json": r.JSON})
}

// JSON writes everything, raw samples included.
func (r GateCost) JSON(w io.Writer) error { return writeJSON(w, r) }

// Text writes the table for a terminal.
func (r GateCost) Text(w io.Writer) error {
	writeText(w, r.Machine, r.tables())
	return nil
}

// Markdown writes the same table for a page.
func (r GateCost) Markdown(w io.Writer) error {
	writeMarkdown(w, r.Machine, r.tables())
	return nil
}

// Faulty is how many requests were not answered with 200.
func (r GateCost) Faulty() (n int64) {
	for _, s := range r.Summaries {
		n += s.Faulty
	}
	return n
}

func (r GateCost) tables() []table {
	t := table{title: "\"Sold out\" at nginx: CPU us/request",
		head: []string{"flagged sales", "by a flag", "min..max", "return 200", "min..max", "ratio", "min..max",
			"requests/s", "p99 ms", "faulty"}}
	for _, s := range r.Summaries {
		t.rows = append(t.rows, []string{strconv.Itoa(s.Sales), number(s.Flag, 2), spread(s.Flag, 2),
			number(s.Return, 2), spread(s.Return, 2), number(s.Ratio, 3), spread(s.Ratio, 3),
			number(s.PerSec, 0), number(s.P99, 2), strconv.FormatInt(s.Faulty, 10)})
		if s.Ratio.N > 0 {
			t.notes = append(t.notes, fmt.Sprintf("%s: %.3f x return 200 (%s in %s); target at most %.2f: %s", plural(s.Sales, "sale"),
				s.Ratio.Median, spread(s.Ratio, 3), plural(s.Ratio.N, "quad"), gatecost.Target, met(s.Met())))
		}
	}
	o := r.Options
	t.notes = append(t.notes, fmt.Sprintf("medians of %s by wrk -t1 -c%d -d%ds; one worker each, the same answer byte for byte",
		plural(o.Quads, "quad"), o.Connections, int(o.Duration.Seconds())))
	return []table{t}
}
