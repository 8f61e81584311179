package dashboard

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// A chart is drawn in a box of this size.
const (
	chartWidth  = 1000
	chartHeight = 200
)

// chart is areas that are stacked on each other, over time.
type chart struct {
	Title    string
	Areas    []area
	Most     string // the number at its top
	From, To time.Time
}

// area is one of them: the corners of its polygon.
type area struct{ Key, Name, Points string }

// charts are the charts of a series: where the units were, and what buyers heard.
func charts(words map[string]string, s *series) []chart {
	var where, heardBy []layer
	for i, key := range placeKeys {
		where = append(where, layer{key, words[key], s.column(func(p *point) float64 { return p.places[i] })})
	}
	for i, key := range outcomes {
		if c := s.column(func(p *point) float64 { return p.outcomes[i] }); heard(c) {
			heardBy = append(heardBy, layer{key, words[key], c})
		}
	}
	all := []chart{stack(words["places_over_time"], s, where)}
	if len(heardBy) > 0 {
		all = append(all, stack(words["buys_over_time"], s, heardBy))
	}
	return all
}

// layer is a figure over time.
type layer struct {
	key, name string
	values    numbers
}

// stack puts layers on each other. Where a figure is not known, it is drawn as nothing.
func stack(title string, s *series, layers []layer) chart {
	first, last := s.points[0].t, s.points[len(s.points)-1].t
	c := chart{Title: title, From: time.Unix(first, 0), To: time.Unix(last, 0)}
	tops := make([]numbers, len(layers)+1)
	tops[0] = make(numbers, len(s.points))
	most := 1.0
	for i, l := range layers {
		tops[i+1] = make(numbers, len(s.points))
		for k, v := range l.values {
			if math.IsNaN(v) {
				v = 0
			}
			tops[i+1][k] = tops[i][k] + v
			most = max(most, tops[i+1][k])
		}
	}
	c.Most = group(int64(math.Round(most)))
	for i, l := range layers {
		var corners strings.Builder
		corner := func(k int, of numbers) {
			x := chartWidth * float64(s.points[k].t-first) / float64(max(last-first, 1))
			fmt.Fprintf(&corners, "%.1f,%.1f ", x, chartHeight*(1-of[k]/most))
		}
		for k := range s.points {
			corner(k, tops[i+1])
		}
		for k := len(s.points) - 1; k >= 0; k-- {
			corner(k, tops[i])
		}
		c.Areas = append(c.Areas, area{l.key, l.name, strings.TrimSpace(corners.String())})
	}
	return c
}
