package report

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"spike/bench/counters"
	"spike/bench/stats"
)

// linePanel is the counters over GOMAXPROCS, the cost on a logarithmic axis.
type linePanel struct {
	X, Y, Width float64
	Title       string
	Right       float64 // end of the plot
	Ticks       []tick
	Columns     []tick
	Lines       []line
}

type tick struct {
	At    float64
	Label string
}

// line is one counter.
type line struct {
	Name           string
	Main           bool // the edge's
	Hue            int
	Points         string
	Dots           []dot
	LabelX, LabelY float64
	LastNum        string // the figure beside the name
}

type dot struct{ X, Y, Top, Bottom float64 }

// labelGap is the distance between the names of two lines that end together.
const labelGap = 17

func drawLines(cells []counters.Cell, y float64) *linePanel {
	p := &linePanel{X: margin, Y: y, Width: pageWidth - 2*margin, Title: "Counting down by one",
		Right: pageWidth - margin - lineLabels}
	procs, left := procsOf(cells), float64(margin+56)
	axis := logAxis(cells, y+panelHead+linesPlot-30, linesPlot-30)
	p.Ticks = axis.ticks()
	at := func(i int) float64 {
		return p.Right - (p.Right-left-inset)*float64(len(procs)-1-i)/float64(max(1, len(procs)-1))
	}
	for i, n := range procs {
		p.Columns = append(p.Columns, tick{at(i), strconv.Itoa(n)})
	}
	for hue, s := range counters.Strategies() {
		l := line{Name: s.Name, Main: hue == len(counters.Strategies())-1, Hue: hue, LabelX: at(len(procs)-1) + 16}
		for i, n := range procs {
			l.add(at(i), cell(cells, s.Name, n), axis)
		}
		p.Lines = append(p.Lines, l)
	}
	spreadLabels(p.Lines)
	return p
}

func (l *line) add(x float64, ns stats.Spread, axis scale) {
	if ns.N == 0 {
		return
	}
	d := dot{X: x, Y: axis.at(ns.Median), Top: axis.at(ns.Max), Bottom: axis.at(ns.Min)}
	l.Dots = append(l.Dots, d)
	l.Points += pixel(d.X) + "," + pixel(d.Y) + " "
	l.LabelY, l.LastNum = d.Y, number(ns, 1)
}

// spreadLabels pushes overlapping names down, in the order of their lines.
func spreadLabels(lines []line) {
	order := make([]*line, len(lines))
	for i := range lines {
		order[i] = &lines[i]
	}
	slices.SortStableFunc(order, func(a, b *line) int { return cmp.Compare(a.LabelY, b.LabelY) })
	for i := 1; i < len(order); i++ {
		order[i].LabelY = max(order[i].LabelY, order[i-1].LabelY+labelGap)
	}
}

// scale is a logarithmic axis that grows upwards.
type scale struct{ bottom, height, low, high float64 }

func logAxis(cells []counters.Cell, bottom, height float64) scale {
	low, high := math.Inf(1), math.Inf(-1)
	for _, c := range cells {
		if c.Ns.N > 0 && c.Ns.Min > 0 {
			low, high = min(low, c.Ns.Min), max(high, c.Ns.Max)
		}
	}
	if low > high {
		low, high = 1, 10
	}
	return scale{bottom, height, math.Log10(low / 1.25), math.Log10(high * 1.25)}
}

func (s scale) at(v float64) float64 {
	return s.bottom - s.height*(math.Log10(max(v, 1e-3))-s.low)/(s.high-s.low)
}

// ticks returns ticks at 1, 2, 5, 10, 20, 50 ... within the axis.
func (s scale) ticks() []tick {
	var all []tick
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
