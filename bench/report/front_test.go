package report

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spike/bench/balance"
	"spike/bench/bill"
	"spike/bench/crowd"
	"spike/bench/front"
	"spike/bench/gatecost"
)

// exampleBill is an example of a measurement.
func exampleBill() Bill {
	r := Bill{Machine: example().Machine, Options: bill.Options{Rounds: 2, Requests: 1_000_000, Units: 10_000, Connections: 256}}
	for round := 1; round <= 2; round++ {
		for i, seconds := range []time.Duration{100, 30, 9, 10} {
			r.Samples = append(r.Samples, bill.Sample{Design: bill.Designs()[i], Round: round, Won: 10_000, Sold: 10_000, Reached: 50_000,
				Load: crowd.Result{Answered: 1_000_000, Elapsed: 20 * time.Second, Statuses: map[int]int64{200: 1_000_000}},
				Cost: front.Cost{Nginx: seconds * time.Second / 2, Servers: seconds * time.Second / 2}})
		}
	}
	r.Summaries, r.Ratios = bill.Summarise(r.Samples), bill.Ratios(r.Samples)
	return r
}

func TestBillText(t *testing.T) {
	r := exampleBill()
	text := render(t, r.Text)
	for _, want := range []string{"article  100.00", "gate       9.00", "5.00 %",
		"gate: 0.300 x edges (0.300..0.300 in 2 rounds); target at most 0.400: met",
		"gate: 0.090 x article (0.090..0.090 in 2 rounds); target at most 0.167: met",
		"limited: 1.111 x gate (1.111..1.111 in 2 rounds); target at most 1.150: met", "1000000 requests for 10000 units"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	r.Wrong = []string{"gate: nobody was answered"}
	if text = render(t, r.Markdown); !strings.Contains(text, "WRONG: gate: nobody was answered") {
		t.Errorf("nothing wrong in\n%s", text)
	}
}

// exampleBalance is an example of a comparison of the first few ways.
func exampleBalance(ways int) Balance {
	r := Balance{Machine: example().Machine, Options: balance.Options{Rounds: 1, Requests: 1000, Connections: 64}}
	for _, w := range balance.Ways()[:ways] {
		for _, kept := range []bool{true, false} {
			s := balance.Sample{Way: w.Name, Kept: kept, Round: 1, Requests: 1000, Answered: 1000,
				Cost: front.Cost{Nginx: 18 * time.Millisecond, Servers: 12 * time.Millisecond}}
			if !kept {
				s.Cost.Nginx *= 3
			}
			for _, share := range w.Wanted() {
				s.Counts = append(s.Counts, int64(1000*share))
			}
			r.Samples = append(r.Samples, s)
		}
	}
	r.Summaries = balance.Summarise(r.Samples)
	return r
}

func TestBalanceText(t *testing.T) {
	r := exampleBalance(len(balance.Ways()))
	text := render(t, r.Text)
	for _, want := range []string{"weighted              10 % 20 % 30 % 40 %     200     400     600     800        1.0000",
		"buyer-hash", "30.00", "66.00", "2.200  2.200..2.200", "0.00 %"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if r.Faulty() != 0 {
		t.Errorf("%d faulty", r.Faulty())
	}
}

func TestFrontPicturesOfWholeAndPartialRuns(t *testing.T) {
	ways := len(balance.Ways())
	part := exampleBill()
	part.Summaries = part.Summaries[:1]
	unknown := exampleBill() // if the system does not tell CPU time
	for i := range unknown.Samples {
		unknown.Samples[i].Cost = front.Cost{}
	}
	unknown.Summaries = bill.Summarise(unknown.Samples)
	for name, c := range map[string]struct {
		svg           string
		bars, targets int
	}{
		"bill":          {render(t, exampleBill().SVG), 4, 2},
		"article alone": {render(t, part.SVG), 1, 0},
		"unknown":       {render(t, unknown.SVG), 4, 0},
		"no bill":       {render(t, Bill{}.SVG), 0, 0},
		"balance":       {render(t, exampleBalance(ways).SVG), 4*ways + 2*ways, 4 * ways},
		"three ways":    {render(t, exampleBalance(3).SVG), 18, 12},
		"no balance":    {render(t, Balance{}.SVG), 0, 0},
	} {
		wellFormed(t, c.svg)
		bars, targets := strings.Count(c.svg, `class="bar`), strings.Count(c.svg, `class="target"`)
		if bars != c.bars || targets != c.targets || strings.Contains(c.svg, "NaN") || strings.Contains(c.svg, "Inf") {
			t.Errorf("%s: %d bars, %d targets in\n%s", name, bars, targets, c.svg)
		}
	}
}

func TestGateCostText(t *testing.T) {
	r := GateCost{Machine: example().Machine, Options: gatecost.Options{Quads: 1, Duration: 2 * time.Second, Connections: 64}}
	for i, us := range []time.Duration{13, 10, 10, 13} {
		r.Samples = append(r.Samples, gatecost.Sample{Sales: 10_000,
			Server: []string{gatecost.Flag, gatecost.Return}[(i+1)/2%2], Round: 1, CPU: us * time.Millisecond,
			Measurement: crowd.Measurement{Requests: 1000, PerSec: 90_000, Non2xx: 1}})
	}
	r.Summaries = gatecost.Summarise(r.Samples)
	text := render(t, r.Text)
	for _, want := range []string{"10000", "13.00..13.00", "1.300",
		"10000 sales: 1.300 x return 200 (1.300..1.300 in 1 quad); target at most 1.25: missed"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if r.Faulty() != 4 {
		t.Errorf("%d faulty", r.Faulty())
	}
}

func TestSaveFront(t *testing.T) {
	dir := t.TempDir()
	for _, err := range []error{exampleBill().Save(dir), exampleBalance(2).Save(dir), GateCost{}.Save(dir)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"bill.txt", "bill.md", "bill.svg", "balance.txt", "balance.md", "balance.svg",
		"gate.txt", "gate.md", "gate.json"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	var b Bill
	var w Balance
	for name, into := range map[string]any{"bill.json": &b, "balance.json": &w} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || json.Unmarshal(text, into) != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if len(b.Samples) != 8 || b.Ratios[0].Ratio.Median != 0.3 || len(w.Samples) != 4 || w.Summaries[1].Counts[3] != 800 {
		t.Errorf("%+v\n%+v", b.Ratios, w.Summaries)
	}
}
