// Package report writes an experiment for people and programs: its tables as text and as Markdown, everything with every raw
// sample as JSON, and a picture of bars as SVG. It knows no experiment: each hands it a [Doc], which is data.
package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

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
