package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"spike/bench/measure"
)

// Table has a row for each subject, and a column for each figure. See [Rows].
type Table struct {
	Title string   `json:"title"`
	Rows  []Row    `json:"rows"`
	Notes []string `json:"notes,omitempty"`

	first   string // head of the rows' names
	columns []Column
}

// Row is what a table says of one subject.
type Row struct {
	Name   string                    `json:"name"`
	Values map[string]measure.Spread `json:"values"` // by the columns' heads
}

// Column says what a table shows of each subject.
type Column struct {
	Head   string
	Digits int // after the point; -1: up to six, without zeros at the end
	Unit   string
	Range  bool // a column of the smallest and the largest value stands beside it
	Of     measure.Figure
	Text   func(subject string) string // in place of Of
}

// Col is a column of medians.
func Col(head string, digits int, of measure.Figure) Column {
	return Column{Head: head, Digits: digits, Of: of}
}

// Range is a column of medians, and one of their smallest and largest values.
func Range(head string, digits int, of measure.Figure) Column {
	return Column{Head: head, Digits: digits, Of: of, Range: true}
}

// Percent is a column of percentages.
func Percent(head string, digits int, of measure.Figure) Column {
	return Column{Head: head, Digits: digits, Of: of, Unit: " %"}
}

// Rows makes a table. first is the head of the subjects' names.
func Rows(title, first string, s measure.Samples, subjects []string, columns ...Column) Table {
	t := Table{Title: title, first: first, columns: columns}
	for _, subject := range subjects {
		r := Row{Name: subject, Values: map[string]measure.Spread{}}
		for _, c := range columns {
			if c.Of != nil {
				r.Values[c.Head] = c.Of(s, subject)
			}
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}

// Number formats a median; a dash stands for a value that was not measured.
func Number(v measure.Spread, digits int) string {
	if v.N == 0 {
		return "-"
	}
	if digits < 0 {
		text := strconv.FormatFloat(v.Median, 'f', 6, 64)
		return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	return strconv.FormatFloat(v.Median, 'f', digits, 64)
}

// grid is the table as cells, the head first.
func (t Table) grid() [][]string {
	head := []string{t.first}
	for _, c := range t.columns {
		if head = append(head, c.Head); c.Range {
			head = append(head, "min..max")
		}
	}
	grid := [][]string{head}
	for _, r := range t.Rows {
		cells := []string{r.Name}
		for _, c := range t.columns {
			cells = append(cells, c.cells(r)...)
		}
		grid = append(grid, cells)
	}
	return grid
}

func (c Column) cells(r Row) []string {
	v := r.Values[c.Head]
	switch {
	case c.Text != nil:
		return []string{c.Text(r.Name)}
	case v.N == 0 && c.Range:
		return []string{"-", "-"}
	case v.N == 0:
		return []string{"-"}
	case c.Range:
		return []string{Number(v, c.Digits) + c.Unit, fmt.Sprintf("%.*f..%.*f", c.Digits, v.Min, c.Digits, v.Max)}
	}
	return []string{Number(v, c.Digits) + c.Unit}
}

// text writes the table in columns. The first is of names, the others are of numbers.
func (t Table) text(w io.Writer) {
	grid := t.grid()
	widths := make([]int, len(grid[0]))
	for _, row := range grid {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	fmt.Fprintf(w, "%s\n\n", t.Title)
	for _, row := range grid {
		line := fmt.Sprintf("  %-*s", widths[0], row[0])
		for i, cell := range row[1:] {
			line += fmt.Sprintf("  %*s", widths[i+1], cell)
		}
		fmt.Fprintln(w, line)
	}
	t.notes(w, "  ")
}

// markdown writes the table with pipes.
func (t Table) markdown(w io.Writer) {
	fmt.Fprintf(w, "### %s\n\n", t.Title)
	for i, row := range t.grid() {
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(w, "|---|%s\n", strings.Repeat("--:|", len(row)-1))
		}
	}
	t.notes(w, "- ")
}

func (t Table) notes(w io.Writer, mark string) {
	for i, n := range t.Notes {
		if i == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s%s\n", mark, n)
	}
}
