package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// table is a table for any output. The first column is text, the others are numbers.
type table struct {
	title string
	head  []string
	rows  [][]string
	notes []string
}

// text writes it in columns.
func (t table) text(w io.Writer) {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	fmt.Fprintf(w, "%s\n\n", t.title)
	t.textRow(w, widths, t.head)
	for _, row := range t.rows {
		t.textRow(w, widths, row)
	}
	t.textNotes(w)
}

func (t table) textRow(w io.Writer, widths []int, row []string) {
	var line strings.Builder
	for i, cell := range row {
		gap := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if i == 0 {
			line.WriteString("  " + cell + gap)
		} else {
			line.WriteString("  " + gap + cell)
		}
	}
	fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
}

func (t table) textNotes(w io.Writer) {
	if len(t.notes) > 0 {
		fmt.Fprintln(w)
	}
	for _, n := range t.notes {
		fmt.Fprintf(w, "  %s\n", n)
	}
}

// markdown writes it as a pipe table.
func (t table) markdown(w io.Writer) {
	fmt.Fprintf(w, "### %s\n\n| %s |\n|---|%s\n", t.title, strings.Join(t.head, " | "), strings.Repeat("--:|", len(t.head)-1))
	for _, row := range t.rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
	}
	if len(t.notes) > 0 {
		fmt.Fprintln(w)
	}
	for _, n := range t.notes {
		fmt.Fprintf(w, "- %s\n", n)
	}
}
