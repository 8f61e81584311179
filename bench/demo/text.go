package demo

import (
	"cmp"
	_ "embed"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"text/template"
	"time"

	"spike/bench"
	"spike/bench/check"
	"spike/bench/crowd"
)

// width is the width of the report, that of a terminal.
const width = 80

//go:embed report.tmpl
var reportText string

var reportPage = template.Must(template.New("report").Funcs(template.FuncMap{
	"num": num, "short": short, "percent": percent, "per": per, "wrap": wrap, "weights": weightWords, "counts": check.Counts[string],
	"meaning": crowd.Meaning,
	"whole":   func(x float64) int64 { return int64(x) },
	"field":   func(name, text string) string { return strings.TrimRight(fmt.Sprintf("  %-19s%s", name, text), " ") },
	"row":     func(cells ...any) string { return fmt.Sprintf("  %-8s %6s %13s %8s %10s %12s", cells...) },
}).Parse(reportText))

// Text writes the account for people.
func (a *Account) Text(w io.Writer) error {
	if err := reportPage.Execute(w, a); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// Growth is the article's first reading of its log: local sales grow until the stock is sold. Its rows begin with their names.
// nil: nothing was sold.
func (a *Account) Growth() (rows [][]string) {
	const columns = 6
	all := a.All()
	begin, end := all.Journal.First, slices.Max(append(all.Journal.Sales, 0))
	if end <= begin {
		return nil
	}
	row := func(name string, cell func(at int64) string) {
		cells := []string{name}
		for i := int64(1); i <= columns; i++ {
			cells = append(cells, cell(begin+(end-begin)*i/columns))
		}
		rows = append(rows, cells)
	}
	row("after", func(at int64) string { return short(time.Duration(at-begin) * time.Microsecond) })
	for _, e := range append(slices.Clone(a.Edges), all) {
		row(e.Name, func(at int64) string { return num(e.Journal.soldBy(at)) })
	}
	return rows
}

// Codes are the codes that were answered, the wins first.
func (a *Account) Codes() []int {
	codes := slices.Sorted(maps.Keys(a.Load.Codes))
	slices.Reverse(codes)
	return codes
}

// Outcomes says what the edge has answered, the seldom first.
func (e EdgeAccount) Outcomes() string {
	names := slices.SortedFunc(maps.Keys(e.Buys), func(x, y string) int { return cmp.Compare(e.Buys[x], e.Buys[y]) })
	names = slices.DeleteFunc(names, func(name string) bool { return e.Buys[name] == 0 })
	for i, name := range names {
		names[i] = num(e.Buys[name]) + " " + name
	}
	return strings.Join(names, ", ")
}

// wrap breaks text between words.
func wrap(text string) (lines string) {
	column := 0
	for i, word := range strings.Fields(text) {
		column += 1 + len(word)
		switch {
		case i == 0:
			column = len(word)
		case column > width:
			lines, column = lines+"\n", len(word)
		default:
			lines += " "
		}
		lines += word
	}
	return lines
}

func num(n any) string { return bench.Number(reflect.ValueOf(n).Int()) }

func percent(part, whole int64) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f%%", 100*float64(part)/float64(whole))
}

// per is n for each, with two significant digits.
func per(n, each int64) string {
	if each == 0 {
		return "-"
	}
	digits := 1
	for x := float64(n); x > 0 && x < float64(each) && digits < 9; x *= 10 {
		digits++
	}
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.*f", digits, float64(n)/float64(each)), "0"), ".")
}

// short rounds a duration to about three digits.
func short(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	}
	return fmt.Sprintf("%.2f ms", d.Seconds()*1000)
}

// weightWords is 1:2:3:4.
func weightWords() string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(weights), "[]"), " ", ":")
}
