package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"spike/bench/balance"
	"spike/bench/stats"
)

// Balance is how nginx shares a crowd, in each of its ways.
type Balance struct {
	Machine   Machine           `json:"machine"`
	Options   balance.Options   `json:"options"`
	Summaries []balance.Summary `json:"summaries"`
	Samples   []balance.Sample  `json:"samples"` // raw
}

// Save writes balance.txt, .md, .json and .svg into a folder. It makes the folder if necessary.
func (r Balance) Save(dir string) error {
	return save(dir, map[string]func(io.Writer) error{
		"balance.txt": r.Text, "balance.md": r.Markdown, "balance.json": r.JSON, "balance.svg": r.SVG,
	})
}

// JSON writes everything, raw samples included.
func (r Balance) JSON(w io.Writer) error { return writeJSON(w, r) }

// Text writes the tables for a terminal.
func (r Balance) Text(w io.Writer) error {
	writeText(w, r.Machine, r.tables())
	return nil
}

// Markdown writes the same tables for a page.
func (r Balance) Markdown(w io.Writer) error {
	writeMarkdown(w, r.Machine, r.tables())
	return nil
}

// Faulty is how many requests were not answered, or not counted by an edge.
func (r Balance) Faulty() (n int64) {
	for _, s := range r.Summaries {
		n += s.Faulty
	}
	return n
}

func (r Balance) tables() []table {
	shares := table{title: "Who gets the crowd: requests by the edges' own counters",
		head: []string{"way", "wanted", "edge-1", "edge-2", "edge-3", "edge-4", "Jain's index", "furthest off", "faulty"}}
	costs := table{title: "What a request costs: CPU us",
		head: []string{"way", "nginx", "edges", "both", "min..max", "x round robin", "min..max",
			"both, nothing kept", "min..max", "x kept", "min..max"}}
	for _, s := range r.Summaries {
		row := []string{s.Way, wanted(s.Wanted)}
		for _, n := range s.Counts {
			row = append(row, strconv.FormatInt(n, 10))
		}
		shares.rows = append(shares.rows, append(row, figure(s.Jain, 4), figure(s.Deviation, 2)+" %", strconv.FormatInt(s.Faulty, 10)))
		costs.rows = append(costs.rows, []string{s.Way, number(s.Kept.Nginx, 2), number(s.Kept.Edges, 2), number(s.Kept.Both, 2),
			spread(s.Kept.Both, 2), number(s.OverRR, 3), spread(s.OverRR, 3), number(s.NotKept.Both, 2), spread(s.NotKept.Both, 2),
			number(s.Ratio, 3), spread(s.Ratio, 3)})
	}
	o := r.Options
	shares.notes = []string{"Jain's index of what each got over what it should: 1 is as wanted, 0.25 is all for one of four"}
	costs.notes = []string{fmt.Sprintf("medians of %s of %d requests on %d connections, all answered \"sold out\"; "+
		"kept: connections from nginx to the edges",
		plural(o.Rounds, "round"), o.Requests, o.Connections)}
	return []table{shares, costs}
}

// wanted formats the shares as weights, such as 1:2:3:4.
func wanted(shares []float64) string {
	words := make([]string, len(shares))
	for i, s := range shares {
		words[i] = fmt.Sprintf("%.0f %%", 100*s)
	}
	return strings.Join(words, " ")
}

// figure formats a single number.
func figure(v float64, decimals int) string { return strconv.FormatFloat(v, 'f', decimals, 64) }

// SVG draws the run: a panel for each way, with a bar for each edge's share, and one for what a request costs.
func (r Balance) SVG(w io.Writer) error {
	const width = float64(pageWidth-2*margin-panelGap) / 2
	p := picture{Width: pageWidth, Title: "How nginx shares a crowd among four edges", About: r.Machine.Line(),
		Foot: "Green: the share by weight. Of costs, bars are medians and whiskers all rounds; only ratios mean anything."}
	y := float64(headHeight)
	for i, s := range r.Summaries {
		p.Panels = append(p.Panels, sharePanel(s, margin+float64(i%2)*(width+panelGap), y, width))
		if i%2 == 1 || i == len(r.Summaries)-1 {
			y += panelHead + rowHeight*float64(len(s.Counts)) + panelGap
		}
	}
	if costs := r.costPanel(y); len(costs.Bars) > 0 {
		p.Panels = append(p.Panels, costs)
		y += panelHead + rowHeight*float64(len(costs.Bars)) + panelGap
	}
	p.Height = int(y) + footHeight - panelGap + 14
	return p.write(w)
}

func sharePanel(s balance.Summary, x, y, width float64) barPanel {
	p := barPanel{X: x, Y: y, Width: width, Title: s.Way,
		Legend: fmt.Sprintf("share of the requests; Jain's index %s, furthest off %s %%", figure(s.Jain, 4), figure(s.Deviation, 1))}
	all := int64(0)
	for _, n := range s.Counts {
		all += n
	}
	b := barsFrom(x+nameWidth, y+panelHead, width-nameWidth-noteWidth) // the whole length is the whole crowd
	for i, n := range s.Counts {
		share := float64(n) / float64(max(all, 1))
		p.Bars = append(p.Bars, b.next(bar{Name: fmt.Sprintf("edge-%d", i+1), Figure: figure(100*share, 2) + " %",
			Note: fmt.Sprintf("of %.0f %%", 100*s.Wanted[i])}, stats.Spread{Median: share, Min: share, Max: share}, s.Wanted[i]))
	}
	return p
}

// costPanel has two bars for each way: with and without kept connections.
func (r Balance) costPanel(y float64) barPanel {
	p := barPanel{X: margin, Y: y, Title: "What a request costs",
		Legend: "CPU, µs per request, nginx and edges together; orange: connections kept alive"}
	longest := 1e-9
	for _, s := range r.Summaries {
		longest = max(longest, s.Kept.Both.Max, s.NotKept.Both.Max)
	}
	const names, room = 150, 180
	b := barsFrom(margin+names, y+panelHead, (pageWidth-2*margin-names-room)/longest)
	for _, s := range r.Summaries {
		for _, c := range []struct {
			kept bool
			cost balance.Cost
		}{{true, s.Kept}, {false, s.NotKept}} {
			if c.cost.Both.N > 0 {
				p.Bars = append(p.Bars, b.next(bar{Name: s.Way, Main: c.kept, Figure: number(c.cost.Both, 1) + " µs",
					Note: "nginx " + number(c.cost.Nginx, 1) + ", edges " + number(c.cost.Edges, 1)}, c.cost.Both, 0))
			}
		}
	}
	return p
}
