// Package report writes an experiment for people and programs: its tables as text and as Markdown, everything with every raw
// sample as JSON, and a picture of bars as SVG. It knows no experiment: each hands it a [Doc], which is data.
package report

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"spike/bench"
	"spike/bench/measure"
)

// Doc is the report of an experiment.
type Doc struct {
	Name    string          `json:"-"` // of its files
	Title   string          `json:"title"`
	Machine Machine         `json:"machine"`
	Options any             `json:"options,omitempty"`
	Tables  []Table         `json:"tables"`
	Panels  []Panel         `json:"-"` // of its picture; none: there is no picture
	Foot    string          `json:"-"` // below the picture
	Failed  bool            `json:"failed"`
	Samples measure.Samples `json:"samples"` // raw
}

// And appends the tables, the panels and the samples of another report.
func (d Doc) And(other Doc) Doc {
	d.Tables, d.Panels = append(d.Tables, other.Tables...), append(d.Panels, other.Panels...)
	d.Samples, d.Failed = append(d.Samples, other.Samples...), d.Failed || other.Failed
	return d
}

// Save writes NAME.txt, .md, .json, and .svg if there is a picture, into a folder. It makes the folder if necessary. It returns
// the pattern of the files' names.
func (d Doc) Save(dir string) (string, error) {
	files, pattern := map[string]func(io.Writer) error{"txt": d.Text, "md": d.Markdown, "json": d.JSON}, "{txt,md,json}"
	if len(d.Panels) > 0 {
		files["svg"], pattern = d.SVG, "{txt,md,json,svg}"
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("report: %w", err)
	}
	for extension, write := range files {
		var text bytes.Buffer
		err := write(&text)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, d.Name+"."+extension), text.Bytes(), 0o644)
		}
		if err != nil {
			return "", fmt.Errorf("report: %w", err)
		}
	}
	return filepath.Join(dir, d.Name+"."+pattern), nil
}

// JSON writes everything, raw samples included.
func (d Doc) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	return e.Encode(d)
}

// Text writes the tables for a terminal.
func (d Doc) Text(w io.Writer) error {
	return d.write(w, "%s\ncommit %s, %s\n%s\n", Table.text)
}

// Markdown writes the same tables for a page.
func (d Doc) Markdown(w io.Writer) error {
	return d.write(w, "%s  \ncommit `%s`, %s  \n`%s`\n", Table.markdown)
}

func (d Doc) write(w io.Writer, head string, table func(Table, io.Writer)) error {
	_, err := fmt.Fprintf(w, head, d.Machine.Line(), d.Machine.Commit, d.Machine.Time, d.Machine.Command)
	for _, t := range d.Tables {
		if len(t.Rows) > 0 {
			fmt.Fprintln(w)
			table(t, w)
		}
	}
	return err
}

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
	median, ends := Number(v, c.Digits)+c.Unit, fmt.Sprintf("%.*f..%.*f", c.Digits, v.Min, c.Digits, v.Max)
	if v.N == 0 {
		median, ends = "-", "-"
	}
	switch {
	case c.Text != nil:
		return []string{c.Text(r.Name)}
	case c.Range:
		return []string{median, ends}
	}
	return []string{median}
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

// Machine is where a run was made, and from what. Without it a number means nothing.
type Machine struct {
	CPU     string `json:"cpu"`
	Cores   int    `json:"cores"`
	OS      string `json:"os"`
	Kernel  string `json:"kernel"`
	Go      string `json:"go"`
	Commit  string `json:"commit"`
	Command string `json:"command"`
	Time    string `json:"time"` // when the run began, UTC
}

const unknown = "unknown"

// ThisMachine describes this machine and program.
func ThisMachine(ctx context.Context) Machine {
	return Machine{
		CPU: cpuModel(), Cores: runtime.NumCPU(), OS: runtime.GOOS + "/" + runtime.GOARCH, Kernel: said(ctx, "uname", "-sr"),
		Go: runtime.Version(), Commit: commit(), Time: time.Now().UTC().Format(time.RFC3339),
		Command: strings.Join(append([]string{filepath.Base(os.Args[0])}, os.Args[1:]...), " "),
	}
}

// Line formats the machine as one line.
func (m Machine) Line() string {
	return strings.Join([]string{m.CPU, bench.Plural(m.Cores, "core"), m.Kernel, m.OS, m.Go}, ", ")
}

var modelName = regexp.MustCompile(`(?m)^model name\s*:\s*(.*\S)`)

func cpuModel() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // none: another system
	if m := modelName.FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return unknown
}

// Commit is the commit that this program was built from, if its linker was told.
var Commit string

// commit is the linker's commit, else the one that Go has noted, which knows of changes.
func commit() string {
	noted := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			noted[s.Key] = s.Value
		}
	}
	name := cmp.Or(Commit, noted["vcs.revision"], unknown)
	if noted["vcs.modified"] == "true" {
		name += " with changes"
	}
	return name
}

// VersionOf is what a spike program says that it is.
func VersionOf(ctx context.Context, program string) string { return said(ctx, program, "version") }

// said is a program's output on one line. It is unknown if there is none or the program cannot run.
func said(ctx context.Context, program string, args ...string) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, args...).Output()
	if text := strings.Join(strings.Fields(string(out)), " "); err == nil && text != "" {
		return text
	}
	return unknown
}
