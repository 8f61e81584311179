package report

import (
	_ "embed"
	"fmt"
	"io"
	"math"
	"strconv"
	"text/template"
	"unicode/utf8"

	"spike/bench/measure"
)

// Panel is a part of a picture: bars below each other.
type Panel struct {
	Title, Legend string
	Wide          bool    // it has a row of the page for itself; two other panels share a row
	Scale         float64 // value of the longest bar that could be; 0: of the longest that is
	Bars          []Bar
}

// Bar shows a median. Its whisker spans all values. A mark stands at its target; 0: it has none.
type Bar struct {
	Name, Note string
	Value      measure.Spread
	Digits     int    // of the figure beside it
	Unit       string // of the figure
	Target     float64
	Main       bool
}

// Measures of the page, in its own pixels.
const (
	pageWidth  = 1000
	margin     = 40
	headHeight = 84
	panelHead  = 58
	rowHeight  = 46
	panelGap   = 36
	footHeight = 70
	letter     = 8 // a letter's width
)

//go:embed picture.svg.tmpl
var pictureText string

var pictureTemplate = template.Must(template.New("picture").Funcs(template.FuncMap{"n": pixel}).Parse(pictureText))

// pixel formats a coordinate with at most one decimal.
func pixel(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

// SVG draws the panels.
func (d Doc) SVG(w io.Writer) error {
	const half = (pageWidth - 2*margin - panelGap) / 2
	page := struct {
		Doc
		Width, Height int
		Placed        []placed
	}{Doc: d, Width: pageWidth, Height: headHeight}
	x, row := 0, 0 // of the next panel; the height of the row that it is in
	below := func() { page.Height, x, row = page.Height+row, 0, 0 }
	for _, p := range d.Panels {
		width := half
		if p.Wide {
			width = pageWidth - 2*margin
		}
		if x+width > pageWidth-2*margin {
			below()
		}
		one := p.place(float64(width))
		one.X, one.Y = float64(margin+x), float64(page.Height)
		page.Placed = append(page.Placed, one)
		x, row = x+width+panelGap, max(row, panelHead+rowHeight*len(p.Bars)+panelGap)
	}
	below()
	page.Height += footHeight - panelGap
	if err := pictureTemplate.Execute(w, page); err != nil {
		return fmt.Errorf("picture: %w", err)
	}
	return nil
}

// placed is a panel on the page. Its bars have places within it.
type placed struct {
	Panel
	X, Y, Width float64
	Left        float64 // where bars begin
	Rows        []placedBar
}

type placedBar struct {
	Bar
	Y, Length, From, To, Mark, NoteLeft float64
	Figure                              string
}

func (p Panel) place(width float64) placed {
	one := placed{Panel: p, Width: width}
	names, notes, longest := 0, 0, p.Scale
	for _, b := range p.Bars {
		names, notes = max(names, utf8.RuneCountInString(b.Name)), max(notes, utf8.RuneCountInString(b.Note), 10)
		longest = max(longest, b.Value.Max, b.Target)
	}
	one.Left = letter*float64(names) + 16
	scale := (width - one.Left - letter*float64(notes) - 16) / max(longest, 1e-9)
	for i, b := range p.Bars {
		v := b.Value
		bar := placedBar{Bar: b, Y: float64(panelHead + i*rowHeight), Length: v.Median * scale, From: v.Min * scale, To: v.Max * scale,
			Mark: b.Target * scale, Figure: Number(v, b.Digits) + b.Unit}
		bar.NoteLeft = max(bar.To, bar.Mark) + 10
		one.Rows = append(one.Rows, bar)
	}
	return one
}
