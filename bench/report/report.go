package report

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"spike/bench/compare"
	"spike/bench/counters"
)

// Report is a whole run. A part that was not run is empty and left out.
type Report struct {
	Machine  Machine           `json:"machine"`
	Options  *compare.Options  `json:"options,omitempty"`
	Servers  []compare.Summary `json:"servers,omitempty"`
	Counters []counters.Cell   `json:"counters,omitempty"`
	Samples  []compare.Sample  `json:"samples,omitempty"` // raw
}

// Save writes all four files into a folder. It makes the folder if necessary.
func (r Report) Save(dir string) error {
	return save(dir, map[string]func(io.Writer) error{
		"report.txt": r.Text, "report.md": r.Markdown, "report.json": r.JSON, "report.svg": r.SVG,
	})
}

func save(dir string, files map[string]func(io.Writer) error) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	for name, write := range files {
		if err := saveOne(filepath.Join(dir, name), write); err != nil {
			return err
		}
	}
	return nil
}

func saveOne(file string, write func(io.Writer) error) error {
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	err = write(f)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("report: %s: %w", file, err)
	}
	return nil
}

// JSON writes everything, raw samples included.
func (r Report) JSON(w io.Writer) error { return writeJSON(w, r) }

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// Text writes the tables for a terminal.
func (r Report) Text(w io.Writer) error {
	writeText(w, r.Machine, r.tables())
	return nil
}

func writeText(w io.Writer, m Machine, tables []table) {
	fmt.Fprintf(w, "%s\ncommit %s, %s\n%s\n", m.Line(), m.Commit, m.Time, m.Command)
	for _, t := range tables {
		fmt.Fprintln(w)
		t.text(w)
	}
}

// Markdown writes the same tables for a page.
func (r Report) Markdown(w io.Writer) error {
	writeMarkdown(w, r.Machine, r.tables())
	return nil
}

func writeMarkdown(w io.Writer, m Machine, tables []table) {
	fmt.Fprintf(w, "%s  \ncommit `%s`, %s  \n`%s`\n", m.Line(), m.Commit, m.Time, m.Command)
	for _, t := range tables {
		fmt.Fprintln(w)
		t.markdown(w)
	}
}
