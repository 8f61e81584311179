package report

import (
	_ "embed"
	"fmt"
	"io"
	"math"
	"strconv"
	"text/template"
)

//go:embed picture.svg.tmpl
var pictureText string

// picture is the template's data, with everything in its place.
type picture struct {
	Width, Height int
	Title, About  string
	Panels        []barPanel
	Lines         *linePanel
	Foot          string
}

// Measures of the page, in its own pixels.
const (
	pageWidth  = 1000
	margin     = 40
	headHeight = 84
	nameWidth  = 92  // of a server's name, left of its bar
	noteWidth  = 128 // of the figures, right of the longest bar
	rowHeight  = 46
	panelGap   = 36
	panelHead  = 58
	linesPlot  = 250
	lineLabels = 150 // of a counter's name, right of its line
	inset      = 36  // from the axis to the first column
	footHeight = 56
)

// SVG draws the run: a panel of bars per scenario, side by side, and one of lines for the counters.
func (r Report) SVG(w io.Writer) error { return r.draw().write(w) }

func (p picture) write(w io.Writer) error {
	t, err := template.New("picture").Funcs(template.FuncMap{"esc": template.HTMLEscapeString, "n": pixel}).Parse(pictureText)
	if err != nil {
		return fmt.Errorf("picture: %w", err)
	}
	return t.Execute(w, p)
}

// pixel formats a coordinate with at most one decimal.
func pixel(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

func (r Report) draw() picture {
	p := picture{Width: pageWidth, Title: "What an answer costs", About: r.Machine.Line(), Foot: "Only ratios mean anything."}
	y := headHeight
	if p.Panels = r.barPanels(float64(y)); len(p.Panels) > 0 {
		y += panelHead + rowHeight*maxRows(p.Panels) + panelGap
		p.Foot = "Bars: medians; whiskers: all rounds; × over the bare server; green: the edge's target. " + p.Foot
	}
	if len(r.Counters) > 0 {
		p.Lines = drawLines(r.Counters, float64(y))
		y += panelHead + linesPlot + panelGap
	}
	p.Height = y + footHeight - panelGap + 14
	return p
}

func maxRows(panels []barPanel) int {
	rows := 0
	for _, p := range panels {
		rows = max(rows, len(p.Bars))
	}
	return rows
}
