package report

import (
	"fmt"
	"slices"

	"spike/bench/compare"
	"spike/bench/peers"
)

// barPanel is one scenario.
type barPanel struct {
	X, Y, Width   float64
	Title, Legend string
	Bars          []bar
}

// bar is one server. Its whisker spans all rounds. Target marks where the edge should end at most; 0: no mark.
type bar struct {
	Name, Figure, Note  string
	Main                bool // the edge
	X, Y, Length        float64
	From, To, Middle    float64
	Target, TargetTop   float64
	TargetEnd, NoteLeft float64
}

func (r Report) barPanels(y float64) []barPanel {
	var panels []barPanel
	var shown []compare.Scenario
	for _, sc := range compare.Scenarios() {
		if len(costly(r.of(sc.Name))) > 0 {
			shown = append(shown, sc)
		}
	}
	longest := r.longest()
	for i, sc := range shown {
		width := float64(pageWidth-2*margin-panelGap*(len(shown)-1)) / float64(len(shown))
		x := margin + float64(i)*(width+panelGap)
		panels = append(panels, drawBars(sc, costly(r.of(sc.Name)), longest, x, y, width))
	}
	return panels
}

// costly returns the servers whose CPU time is known.
func costly(rows []compare.Summary) []compare.Summary {
	return slices.DeleteFunc(slices.Clone(rows), func(s compare.Summary) bool { return s.Cost.N == 0 })
}

// longest is the value of the longest bar of any panel. The panels share a scale, so they can be compared.
func (r Report) longest() float64 {
	longest := 0.0
	for _, s := range r.Servers {
		longest = max(longest, s.Cost.Max)
	}
	return longest
}

func drawBars(sc compare.Scenario, rows []compare.Summary, longest, x, y, width float64) barPanel {
	p := barPanel{X: x, Y: y, Width: width, Title: titles[sc.Name], Legend: "server CPU, µs per request"}
	bare := 0.0
	for _, s := range rows {
		if s.Server == peers.Bare {
			bare = s.Cost.Median
		}
	}
	left, scale := x+nameWidth, (width-nameWidth-noteWidth)/longest
	for i, s := range rows {
		b := bar{Name: s.Server, Main: s.Server == compare.Edge, X: left, Y: y + panelHead + float64(i*rowHeight),
			Length: s.Cost.Median * scale, From: left + s.Cost.Min*scale, To: left + s.Cost.Max*scale,
			Figure: number(s.Cost, 1), Note: barNote(s)}
		b.Middle, b.NoteLeft = b.Y+rowHeight/2-6, b.To+10
		if s.RatioTarget > 0 && bare > 0 {
			b.Target, b.TargetTop, b.TargetEnd = left+bare*s.RatioTarget*scale, b.Y-3, b.Y+rowHeight-9
			b.NoteLeft = max(b.To, b.Target) + 10
		}
		p.Bars = append(p.Bars, b)
	}
	return p
}

func barNote(s compare.Summary) string {
	note := fmt.Sprintf("%.0fk/s", s.PerSec.Median/1000)
	if s.Ratio.N > 0 {
		note = fmt.Sprintf("×%.2f · ", s.Ratio.Median) + note
	}
	return note
}
