package report

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spike/bench/crowd"
	"spike/bench/strategies"
)

// exampleStrategies is an example of a measurement.
func exampleStrategies() Strategies {
	r := Strategies{Machine: example().Machine, Options: strategies.Options{Rounds: 2, Units: 2000, Buyers: 20000, Late: 2000,
		Connections: 64, Pool: 24, NeverPay: 30, Hold: 2 * time.Second, Seed: 1}}
	for round := 1; round <= 2; round++ {
		for i, l := range []strategies.Ledger{
			{Units: 2000, Paid: 1406, Stuck: 594}, {Units: 2000, Paid: 2461}, {Units: 2000, Paid: 1819, OnSale: 181},
		} {
			r.Samples = append(r.Samples, strategies.Sample{Strategy: strategies.Names()[i], Round: round,
				Rush: crowd.Result{Answered: 20000, Elapsed: time.Duration(round+1) * time.Second, Statuses: map[int]int64{200: 20000},
					Latency: crowd.Latency{P50: 3 * time.Millisecond, P99: 40 * time.Millisecond}},
				Won: 2000, AfterRush: l, End: l, Writes: strategies.Writes{Inserted: 2000, Updated: 3406, Transactions: 21406}})
		}
	}
	r.Summaries = strategies.Summarise(r.Samples)
	return r
}

func TestStrategiesText(t *testing.T) {
	text := render(t, exampleStrategies().Text)
	for _, want := range []string{"order-then-deduct", "594..594", "461..461", "181..181", "91.0 %", "8333  6667..10000",
		"hold 2s", "2 rounds"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestStrategiesPictureOfWholeAndPartialRuns(t *testing.T) {
	whole, part := exampleStrategies(), exampleStrategies()
	part.Summaries = part.Summaries[:1]
	for name, c := range map[string]struct {
		r    Strategies
		bars int
	}{"whole": {whole, 12}, "one": {part, 4}, "nothing": {Strategies{}, 0}} {
		svg := render(t, c.r.SVG)
		wellFormed(t, svg)
		if n := strings.Count(svg, `class="bar`); n != c.bars || strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("%s: %d bars in\n%s", name, n, svg)
		}
	}
}

func TestSaveStrategies(t *testing.T) {
	dir := t.TempDir()
	if err := exampleStrategies().Save(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"strategies.txt", "strategies.md", "strategies.svg"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, "strategies.json"))
	if err != nil {
		t.Fatal(err)
	}
	var back Strategies
	if err = json.Unmarshal(b, &back); err != nil || len(back.Samples) != 6 || back.Summaries[1].Oversold.Median != 461 {
		t.Fatalf("%v: %+v", err, back.Summaries)
	}
}
