package report

import (
	"fmt"
	"io"

	"spike/bench/bill"
	"spike/bench/stats"
)

// Bill is what a whole spike costs in each design.
type Bill struct {
	Machine   Machine        `json:"machine"`
	Options   bill.Options   `json:"options"`
	Summaries []bill.Summary `json:"summaries"`
	Ratios    []bill.Ratio   `json:"ratios"`
	Wrong     []string       `json:"wrong,omitempty"`
	Samples   []bill.Sample  `json:"samples"` // raw
}

// Save writes bill.txt, .md, .json and .svg into a folder. It makes the folder if necessary.
func (r Bill) Save(dir string) error {
	return save(dir, map[string]func(io.Writer) error{
		"bill.txt": r.Text, "bill.md": r.Markdown, "bill.json": r.JSON, "bill.svg": r.SVG,
	})
}

// JSON writes everything, raw samples included.
func (r Bill) JSON(w io.Writer) error { return writeJSON(w, r) }

// Text writes the tables for a terminal.
func (r Bill) Text(w io.Writer) error {
	writeText(w, r.Machine, r.tables())
	return nil
}

// Markdown writes the same tables for a page.
func (r Bill) Markdown(w io.Writer) error {
	writeMarkdown(w, r.Machine, r.tables())
	return nil
}

func (r Bill) tables() []table {
	t := table{title: "The bill: CPU-seconds for a million requests", head: []string{"design", "all", "min..max", "nginx", "servers",
		"Redis", "gate", "reached a server", "requests/s", "p50 ms", "p99 ms", "wrong"}}
	for _, s := range r.Summaries {
		t.rows = append(t.rows, []string{s.Design, number(s.Total, 2), spread(s.Total, 2), number(s.Nginx, 2), number(s.Servers, 2),
			number(s.Redis, 2), number(s.Gate, 2), percent(s.Reached), number(s.PerSec, 0), number(s.P50, 2), number(s.P99, 2),
			fmt.Sprint(s.Wrong)})
	}
	for _, x := range r.Ratios {
		if x.Ratio.N > 0 {
			t.notes = append(t.notes, fmt.Sprintf("%s: %.3f x %s (%s in %s); target at most %.3f: %s", x.Of, x.Ratio.Median, x.Over,
				spread(x.Ratio, 3), plural(x.Ratio.N, "round"), x.Target, met(x.Met())))
		}
	}
	o := r.Options
	t.notes = append(t.notes, fmt.Sprintf("medians of %s; %d requests for %d units on %d connections, the crowd's own CPU apart",
		plural(o.Rounds, "round"), o.Requests, o.Units, o.Connections))
	for _, w := range r.Wrong {
		t.notes = append(t.notes, "WRONG: "+w)
	}
	return []table{t}
}

// percent formats a spread; a dash if nothing was counted.
func percent(s stats.Spread) string {
	if s.N == 0 {
		return dash
	}
	return number(s, 2) + " %"
}

// SVG draws a bar for each design.
func (r Bill) SVG(w io.Writer) error {
	p := picture{Width: pageWidth, Title: "The bill of a whole spike", About: r.Machine.Line(),
		Foot: "Bars: medians; whiskers: all rounds; green: the target, over the design above it. Only ratios mean anything."}
	panel := barPanel{X: margin, Y: headHeight, Title: fmt.Sprintf("%d requests for %d units", r.Options.Requests, r.Options.Units),
		Legend: "CPU-seconds for a million requests: nginx, servers, Redis and gate together"}
	longest, all := 0.0, map[string]float64{}
	for _, s := range r.Summaries {
		longest, all[s.Design] = max(longest, s.Total.Max), s.Total.Median
	}
	targets := map[string]float64{} // 0: none; the article's is far above
	for _, x := range r.Ratios {
		if x.Over != bill.Article {
			targets[x.Of] = all[x.Over] * x.Target
		}
	}
	const room = 330 // of the parts, right of the longest bar
	b := barsFrom(margin+nameWidth, headHeight+panelHead, (pageWidth-2*margin-nameWidth-room)/max(longest, 1e-9))
	for _, s := range r.Summaries {
		panel.Bars = append(panel.Bars, b.next(bar{Name: s.Design, Main: s.Design == bill.Gate, Figure: number(s.Total, 1) + " s",
			Note: fmt.Sprintf("nginx %s, servers %s, Redis %s, gate %s", number(s.Nginx, 1), number(s.Servers, 1), number(s.Redis, 2),
				number(s.Gate, 2))}, s.Total, targets[s.Design]))
	}
	p.Panels = []barPanel{panel}
	p.Height = headHeight + panelHead + rowHeight*len(panel.Bars) + footHeight
	return p.write(w)
}

// rows puts bars below each other, on one scale.
type rows struct{ left, y, scale float64 }

func barsFrom(left, y, scale float64) *rows { return &rows{left, y, scale} }

// next places a bar as long as a median. A mark is drawn at target; 0: no mark.
func (r *rows) next(b bar, v stats.Spread, target float64) bar {
	b.X, b.Y, b.Length = r.left, r.y, v.Median*r.scale
	b.From, b.To, b.Middle = r.left+v.Min*r.scale, r.left+v.Max*r.scale, r.y+rowHeight/2-6
	b.NoteLeft = b.To + 10
	if target > 0 {
		b.Target, b.TargetTop, b.TargetEnd = r.left+target*r.scale, r.y-3, r.y+rowHeight-9
		b.NoteLeft = max(b.To, b.Target) + 10
	}
	r.y += rowHeight
	return b
}
