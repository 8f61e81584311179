package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spike/bench/measure"
)

// example is a report of two rounds of two subjects.
func example() Doc {
	var s measure.Samples
	for i, us := range []float64{10, 8, 8, 10.5, 12, 9, 9, 11} {
		s = append(s, measure.Sample{Turn: measure.Turn{Subject: []string{"edge", "bare", "bare", "edge"}[i%4], Round: 1 + i/4},
			Figures: measure.Figures{"us": us, "each": 0.000095, "share": 12.5}, Raw: map[string]int{"answered": i}})
	}
	us := measure.Median("us")
	t := Rows("Sold out", "server", s, s.Subjects(), Range("CPU us", 2, us), Range("x bare", 3, measure.Over("us", "bare")),
		Col("scripts", -1, measure.Median("each")), Percent("share", 1, measure.Median("share")),
		Col("gate", 2, measure.Median("gate")),
		Column{Head: "wanted", Text: func(subject string) string { return "of " + subject }})
	t.Notes = []string{"two rounds"}
	bars := Panel{Title: "Sold <out>", Legend: "µs"}
	for _, name := range s.Subjects() {
		bars.Bars = append(bars.Bars, Bar{Name: name, Note: "note", Value: us(s, name), Digits: 1, Unit: " µs", Main: name == "edge",
			Target: 9})
	}
	wide := bars
	wide.Wide, wide.Scale = true, 1000
	return Doc{Name: "example", Title: "An example", Options: struct{ Rounds int }{2}, Foot: "The end.", Samples: s,
		Machine: Machine{CPU: "AMD <EPYC>", Cores: 2, OS: "linux/amd64", Kernel: "Linux 6.1.0", Go: "go1.26", Commit: "0123abc",
			Command: "spike bench", Time: "2026-11-23T00:00:00Z"},
		Tables: []Table{t, Rows("Empty", "server", s, nil, Col("CPU us", 2, us))}, Panels: []Panel{bars, bars, bars, wide}}
}

func render(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestText(t *testing.T) {
	const want = `AMD <EPYC>, 2 cores, Linux 6.1.0, linux/amd64, go1.26
commit 0123abc, 2026-11-23T00:00:00Z
spike bench

Sold out

  server  CPU us      min..max  x bare      min..max   scripts   share  gate   wanted
  edge     10.75  10.00..12.00   1.280  1.278..1.281  0.000095  12.5 %     -  of edge
  bare      8.50    8.00..9.00       -             -  0.000095  12.5 %     -  of bare

  two rounds
`
	if got := render(t, example().Text); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestMarkdownRowsHaveAsManyCellsAsTheHead(t *testing.T) {
	text := render(t, example().Markdown)
	rows := 0
	for line := range strings.Lines(text) {
		if n := strings.Count(line, "|"); n > 0 {
			if rows++; n != 10 {
				t.Errorf("%d pipes: %s", n, line)
			}
		}
	}
	if rows != 4 || !strings.Contains(text, "- two rounds") || strings.Contains(text, "Empty") {
		t.Errorf("%d rows in\n%s", rows, text)
	}
}

func TestJSONHasEverySampleAndEveryValue(t *testing.T) {
	var back struct {
		Machine Machine
		Options struct{ Rounds int }
		Tables  []Table
		Samples []struct {
			Subject string
			Round   int
			Figures map[string]float64
			Raw     struct{ Answered int }
		}
	}
	if err := json.Unmarshal([]byte(render(t, example().JSON)), &back); err != nil {
		t.Fatal(err)
	}
	if back.Machine != example().Machine || back.Options.Rounds != 2 || len(back.Samples) != 8 ||
		back.Samples[7].Raw.Answered != 7 ||
		back.Samples[7].Subject != "edge" || back.Samples[7].Round != 2 || back.Samples[7].Figures["us"] != 11 {
		t.Errorf("%+v", back)
	}
	if v := back.Tables[0].Rows[0].Values["x bare"]; v.N != 2 || v.Median != (20.5/16+23./18)/2 {
		t.Errorf("%+v", v)
	}
}

func wellFormed(t *testing.T, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
	}
}

func TestPictureOfWholeAndPartialRuns(t *testing.T) {
	whole, unknown := example(), example()
	unknown.Panels = []Panel{{Bars: []Bar{{Name: "edge"}}}}
	for name, c := range map[string]struct {
		doc           Doc
		bars, targets int
	}{
		"whole":   {whole, 8, 8},
		"unknown": {unknown, 1, 0},
		"nothing": {Doc{}, 0, 0},
	} {
		svg := render(t, c.doc.SVG)
		wellFormed(t, svg)
		bars, targets := strings.Count(svg, `class="bar`), strings.Count(svg, `class="target"`)
		if bars != c.bars || targets != c.targets || strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") ||
			strings.Contains(svg, "no value") {
			t.Errorf("%s: %d bars, %d targets in\n%s", name, bars, targets, svg)
		}
	}
}

func TestSave(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	plain := example()
	plain.Name, plain.Panels = "plain", nil
	for pattern, d := range map[string]Doc{"example.{txt,md,json,svg}": example(), "plain.{txt,md,json}": plain} {
		if said, err := d.Save(dir); err != nil || said != filepath.Join(dir, pattern) {
			t.Fatalf("%s, %v", said, err)
		}
	}
	var names []string
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if info, _ := e.Info(); info.Size() > 0 {
			names = append(names, e.Name())
		}
	}
	want := []string{"example.json", "example.md", "example.svg", "example.txt", "plain.json", "plain.md", "plain.txt"}
	if !slices.Equal(names, want) {
		t.Errorf("%v, %v", names, err)
	}
	if _, err := example().Save(filepath.Join(dir, "plain.md")); err == nil {
		t.Error("a file is no folder")
	}
}

func TestTwoReportsInOne(t *testing.T) {
	other := example()
	other.Failed = true
	if both := example().And(other); len(both.Tables) != 4 || len(both.Panels) != 8 || len(both.Samples) != 16 || !both.Failed {
		t.Errorf("%+v", both)
	}
}

func TestThisMachine(t *testing.T) {
	m := ThisMachine(t.Context())
	if m.Cores < 1 || m.Go == "" || m.CPU == "" || m.Commit == "" || strings.Contains(m.Command, "/report.test") {
		t.Fatalf("%+v", m)
	}
}
