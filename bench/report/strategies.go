package report

import (
	"fmt"
	"io"
	"strconv"

	"spike/bench/stats"
	"spike/bench/strategies"
)

// Strategies is a measurement of the three strategies.
type Strategies struct {
	Machine   Machine              `json:"machine"`
	Options   strategies.Options   `json:"options"`
	Summaries []strategies.Summary `json:"summaries"`
	Samples   []strategies.Sample  `json:"samples"` // raw
}

// Save writes strategies.txt, .md, .json and .svg into a folder. It makes the folder if necessary.
func (r Strategies) Save(dir string) error {
	return save(dir, map[string]func(io.Writer) error{
		"strategies.txt": r.Text, "strategies.md": r.Markdown, "strategies.json": r.JSON, "strategies.svg": r.SVG,
	})
}

// JSON writes everything, raw samples included.
func (r Strategies) JSON(w io.Writer) error { return writeJSON(w, r) }

// Text writes the tables for a terminal.
func (r Strategies) Text(w io.Writer) error {
	writeText(w, r.Machine, r.tables())
	return nil
}

// Markdown writes the same tables for a page.
func (r Strategies) Markdown(w io.Writer) error {
	writeMarkdown(w, r.Machine, r.tables())
	return nil
}

func (r Strategies) tables() []table {
	crowd := table{title: "The rush", head: []string{"strategy", "requests/s", "min..max", "p50 ms", "min..max",
		"p99 ms", "min..max", "rows written/request", "min..max", "transactions/request", "min..max", "faulty"}}
	units := table{title: "The units", head: []string{"strategy", "promised", "min..max", "oversold", "min..max",
		"stuck unpaid", "min..max", "still on sale", "min..max", "paid after the rush", "paid at the end", "min..max"}}
	for _, s := range r.Summaries {
		row := cells(s.Strategy, []stats.Spread{s.PerSec, s.P50, s.P99, s.Rows, s.Transactions}, 0, 2, 2, 3, 3)
		crowd.rows = append(crowd.rows, append(row, strconv.FormatInt(s.Faults, 10)))
		row = cells(s.Strategy, []stats.Spread{s.Won, s.Oversold, s.Stuck, s.OnSale}, 0, 0, 0, 0)
		units.rows = append(units.rows, append(row, number(s.PaidRush, 1)+" %", number(s.PaidEnd, 1)+" %", spread(s.PaidEnd, 1)))
	}
	o := r.Options
	units.notes = []string{fmt.Sprintf("medians of %s; %d units, %d buyers and %d late ones on %d connections, "+
		"%d %% of the winners never pay, hold %v, %d connections to PostgreSQL, seed %d",
		plural(o.Rounds, "round"), o.Units, o.Buyers, o.Late, o.Connections, o.NeverPay,
		o.Hold, o.Pool, o.Seed)}
	return []table{crowd, units}
}

// cells returns a row: a name, and for each spread its median and its range.
func cells(name string, spreads []stats.Spread, decimals ...int) []string {
	row := []string{name}
	for i, s := range spreads {
		row = append(row, number(s, decimals[i]), spread(s, decimals[i]))
	}
	return row
}

// measure is what a panel of the picture shows of each strategy.
type measure struct {
	title, legend string
	decimals      int
	of            func(strategies.Summary) stats.Spread
	note          func(strategies.Summary) string
}

func measures() []measure {
	return []measure{
		{"How fast the crowd is answered", "requests/s in the rush", 0,
			func(s strategies.Summary) stats.Spread { return s.PerSec },
			func(s strategies.Summary) string { return "p99 " + number(s.P99, 0) + " ms" }},
		{"What the database does", "transactions per request", 3,
			func(s strategies.Summary) stats.Spread { return s.Transactions },
			func(s strategies.Summary) string { return number(s.Rows, 2) + " rows written" }},
		{"Sold to nobody", "units stuck with orders never paid, at the end", 0,
			func(s strategies.Summary) stats.Spread { return s.Stuck },
			func(s strategies.Summary) string { return number(s.PaidEnd, 1) + " % are paid for" }},
		{"Sold twice", "buyers who paid for a unit that was not there", 0,
			func(s strategies.Summary) stats.Spread { return s.Oversold },
			func(s strategies.Summary) string { return "of " + number(s.Won, 0) + " promised" }},
	}
}

const strategyWidth = 138 // of a strategy's name, left of its bar

// SVG draws the run: a panel of bars per measure, two beside each other.
func (r Strategies) SVG(w io.Writer) error {
	const width = float64(pageWidth-2*margin-panelGap) / 2
	height := panelHead + rowHeight*len(r.Summaries) + panelGap
	p := picture{Width: pageWidth, Title: "Three orders of doing things", About: r.Machine.Line(),
		Foot: "Bars: medians; whiskers: all rounds. Only ratios mean anything."}
	for i, m := range measures() {
		x, y := margin+float64(i%2)*(width+panelGap), float64(headHeight+i/2*height)
		p.Panels = append(p.Panels, m.draw(r.Summaries, x, y, width))
	}
	p.Height = headHeight + 2*height + footHeight - panelGap + 14
	return p.write(w)
}

func (m measure) draw(sums []strategies.Summary, x, y, width float64) barPanel {
	p := barPanel{X: x, Y: y, Width: width, Title: m.title, Legend: m.legend}
	longest := 0.0
	for _, s := range sums {
		longest = max(longest, m.of(s).Max)
	}
	left, scale := x+strategyWidth, (width-strategyWidth-noteWidth)/max(longest, 1e-9)
	for i, s := range sums {
		v := m.of(s)
		b := bar{Name: s.Strategy, Main: s.Strategy == strategies.PreDeduct, X: left, Y: y + panelHead + float64(i*rowHeight),
			Length: v.Median * scale, From: left + v.Min*scale, To: left + v.Max*scale, Figure: number(v, m.decimals), Note: m.note(s)}
		b.Middle, b.NoteLeft = b.Y+rowHeight/2-6, b.To+10
		p.Bars = append(p.Bars, b)
	}
	return p
}
