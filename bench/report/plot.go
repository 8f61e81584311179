package report

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"spike/bench/measure"
)

// Line is a subject over the columns of a panel. Its values stand on a logarithmic axis.
type Line struct {
	Name   string
	Points []measure.Spread
	Main   bool
}

// plot is the lines of a panel in their places.
type plot struct {
	Right   float64 // where the plot ends
	Ticks   []tick
	Columns []tick
	Lines   []placedLine
}

type tick struct {
	At    float64
	Label string
}

type placedLine struct {
	Line
	Hue            int
	Path           string
	Dots           []dot
	LabelX, LabelY float64
	Last           string // the figure beside the name
}

type dot struct{ X, Y, Top, Bottom float64 }

const (
	plotHeight = 250
	lineLabels = 150 // right of the lines
	axisWidth  = 92  // from the panel's edge to the first column
	labelGap   = 17  // between the names of two lines that end together
)

func (p Panel) plot(width float64) *plot {
	axis := p.axis()
	out := &plot{Right: width - lineLabels, Ticks: axis.ticks()}
	at := func(i int) float64 {
		return out.Right - (out.Right-axisWidth)*float64(len(p.Columns)-1-i)/float64(max(1, len(p.Columns)-1))
	}
	for i, name := range p.Columns {
		out.Columns = append(out.Columns, tick{at(i), name})
	}
	for hue, l := range p.Lines {
		one := placedLine{Line: l, Hue: hue, LabelX: out.Right + 16}
		for i, v := range l.Points {
			if v.N > 0 {
				one.add(at(i), v, axis)
			}
		}
		out.Lines = append(out.Lines, one)
	}
	spreadLabels(out.Lines)
	return out
}

func (l *placedLine) add(x float64, v measure.Spread, axis scale) {
	d := dot{X: x, Y: axis.at(v.Median), Top: axis.at(v.Max), Bottom: axis.at(v.Min)}
	l.Dots = append(l.Dots, d)
	l.Path += pixel(d.X) + "," + pixel(d.Y) + " "
	l.LabelY, l.Last = d.Y, Number(v, 1)
}

// spreadLabels pushes overlapping names down, in the order of their lines.
func spreadLabels(lines []placedLine) {
	order := make([]*placedLine, len(lines))
	for i := range lines {
		order[i] = &lines[i]
	}
	slices.SortStableFunc(order, func(a, b *placedLine) int { return cmp.Compare(a.LabelY, b.LabelY) })
	for i := 1; i < len(order); i++ {
		order[i].LabelY = max(order[i].LabelY, order[i-1].LabelY+labelGap)
	}
}

// scale is a logarithmic axis that grows upwards, from low to high, which are logarithms.
type scale struct{ low, high float64 }

func (p Panel) axis() scale {
	low, high := math.Inf(1), math.Inf(-1)
	for _, l := range p.Lines {
		for _, v := range l.Points {
			if v.N > 0 && v.Min > 0 {
				low, high = min(low, v.Min), max(high, v.Max)
			}
		}
	}
	if low > high {
		low, high = 1, 10
	}
	return scale{math.Log10(low / 1.25), math.Log10(high * 1.25)}
}

func (s scale) at(v float64) float64 {
	const height = plotHeight - 30
	return panelHead + height - height*(math.Log10(max(v, 1e-3))-s.low)/(s.high-s.low)
}

// ticks returns ticks at 1, 2, 5, 10, 20, 50 ... within the axis.
func (s scale) ticks() (all []tick) {
	for decade := math.Floor(s.low); decade <= s.high; decade++ {
		for _, m := range []float64{1, 2, 5} {
			v := m * math.Pow(10, decade)
			if l := math.Log10(v); l >= s.low && l <= s.high {
				all = append(all, tick{s.at(v), strconv.FormatFloat(v, 'g', -1, 64)})
			}
		}
	}
	return all
}
