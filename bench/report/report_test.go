package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spike/bench/compare"
	"spike/bench/counters"
	"spike/bench/process"
	"spike/bench/stats"
)

// example is an example of a run.
func example() Report {
	around := func(v float64) stats.Spread { return stats.Spread{Median: v, Min: v * 0.97, Max: v * 1.05, N: 5} }
	r := Report{
		Machine: Machine{CPU: "AMD <EPYC>", Cores: 2, OS: "linux/amd64", Kernel: "Linux 6.1.0", Go: "go1.26",
			Commit: "0123abc", Command: "spike bench", Time: "2026-11-23T00:00:00Z"},
		Options: &compare.Options{Quads: 5, Duration: 2 * time.Second, Connections: 64, Threads: 1, ABRequests: 100000},
	}
	for _, s := range []struct {
		scenario, server string
		cost, ratio      float64
		scripts          int64
	}{
		{compare.SoldOut, "edge", 10.1, 1.03, 3}, {compare.SoldOut, "bare", 9.8, 0, 0},
		{compare.SoldOut, "onescript", 21, 2.14, 900000}, {compare.SoldOut, "article", 27.5, 2.8, 0},
		{compare.Selling, "edge", 11.9, 1.17, 9000}, {compare.Selling, "bare", 10.2, 0, 0},
		{compare.Selling, "onescript", 21.4, 2.1, 900000}, {compare.Selling, "article", 74, 7.25, 900000},
	} {
		sum := compare.Summary{Scenario: s.scenario, Server: s.server, Cost: around(s.cost), PerSec: around(900000 / s.cost),
			P50: 600 * time.Microsecond, P99: 3 * time.Millisecond, Requests: 900000, Scripts: s.scripts, ABCost: s.cost, ABPerSec: 80000}
		if s.ratio > 0 {
			sum.Ratio, sum.RedisCost = around(s.ratio), around(3)
		}
		if s.server == "edge" {
			sum.RatioTarget, sum.ScriptTarget = 1.08, 0.0002
			if s.scenario == compare.Selling {
				sum.RatioTarget, sum.ScriptTarget, sum.Sold = 1.2, 0.02, 900000
			}
		}
		r.Servers = append(r.Servers, sum)
	}
	for i, base := range []float64{68, 6, 5.2, 15, 2} {
		for _, p := range []int{1, 2, 4, 8} {
			ns := base
			if i < 4 {
				ns *= 0.5 + float64(p)/4
			}
			r.Counters = append(r.Counters, counters.Cell{Strategy: counters.Strategies()[i].Name, Procs: p, Ns: around(ns)})
		}
	}
	return r
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
	text := render(t, example().Text)
	for _, want := range []string{"Sold out", "Selling", "Counting down", "article", "7.250", "commit 0123abc",
		"AMD <EPYC>, 2 cores", "edge: 1.030 x bare (0.999..1.082 in 5 quads); target at most 1.08: met",
		"edge: 3 scripts, 0.000003 per request; target at most 0.0002: met",
		"edge: 9000 scripts, 0.01 per unit; target at most 0.02: met", "shard.Stock"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestMarkdownRowsHaveAsManyCellsAsTheHead(t *testing.T) {
	var pipes int
	for line := range strings.Lines(render(t, example().Markdown)) {
		switch n := strings.Count(line, "|"); {
		case n == 0:
			pipes = 0
		case pipes == 0:
			pipes = n
		case n != pipes:
			t.Errorf("%d pipes, not %d: %s", n, pipes, line)
		}
	}
}

func TestJSONComesBack(t *testing.T) {
	r := example()
	r.Samples = []compare.Sample{{Scenario: compare.SoldOut, Server: compare.Edge, Round: 1, Costs: process.Costs{CPU: time.Second}}}
	var back Report
	if err := json.Unmarshal([]byte(render(t, r.JSON)), &back); err != nil {
		t.Fatal(err)
	}
	if len(back.Servers) != len(r.Servers) || len(back.Counters) != len(r.Counters) ||
		back.Samples[0].CPU != time.Second || back.Machine != r.Machine {
		t.Fatalf("%+v", back)
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
	whole := example()
	noCPU := example()
	for i := range noCPU.Servers {
		noCPU.Servers[i].Cost, noCPU.Servers[i].Ratio = stats.Spread{}, stats.Spread{}
	}
	for name, r := range map[string]Report{
		"whole":         whole,
		"counters":      {Machine: whole.Machine, Counters: whole.Counters},
		"servers":       {Machine: whole.Machine, Servers: whole.Servers},
		"one scenario":  {Machine: whole.Machine, Servers: whole.Servers[:4]},
		"without a CPU": noCPU,
		"nothing":       {},
	} {
		t.Run(name, func(t *testing.T) {
			svg := render(t, r.SVG)
			wellFormed(t, svg)
			for _, bad := range []string{"NaN", "Inf", "<no value>"} {
				if strings.Contains(svg, bad) {
					t.Errorf("%s in the picture", bad)
				}
			}
		})
	}
	svg := render(t, whole.SVG)
	if n := strings.Count(svg, `class="bar`); n != 8 {
		t.Errorf("%d bars", n)
	}
	if n := strings.Count(svg, "<circle"); n != 20 {
		t.Errorf("%d dots", n)
	}
}

func TestSave(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	if err := example().Save(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"report.txt", "report.md", "report.json", "report.svg"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestThisMachine(t *testing.T) {
	m := ThisMachine(t.Context())
	if m.Cores < 1 || m.Go == "" || m.CPU == "" || m.Commit == "" || strings.Contains(m.Command, "/report.test") {
		t.Fatalf("%+v", m)
	}
}
