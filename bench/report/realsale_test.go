package report

import (
	"strings"
	"testing"
	"time"

	"spike/bench/crowd"
	"spike/bench/process"
	"spike/bench/realsale"
)

func TestRealSaleText(t *testing.T) {
	r := RealSale{Machine: example().Machine, BaseIs: "spike of yesterday", Options: realsale.Options{Base: "spike-before",
		Rounds: 1, Duration: time.Second, Connections: 64, Hold: time.Minute}}
	for _, kind := range []string{realsale.Anonymous, realsale.Real, realsale.Real, realsale.Anonymous} {
		r.Samples = append(r.Samples, realsale.Sample{Phase: realsale.Selling, Kind: kind, Build: realsale.This, Round: 1, Right: 1000,
			Load: crowd.Result{Answered: 1000, Elapsed: time.Second}, Costs: process.Costs{CPU: 30 * time.Millisecond, Scripts: 2000}})
	}
	r.Summaries = realsale.Summarise(r.Samples)
	text := render(t, r.Text)
	for _, want := range []string{"limit+key, this", "Selling: every buyer wins (within a round)", "base is spike of yesterday",
		"edge us/buy: 30 (30..30), target at most 40: met", "buys/s, x anonymous: 1 (1..1), target at least 0.6: met",
		"scripts/buy: 2 (2..2), target at most 0.05: missed"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "Sold out") || strings.Contains(text, "Redis us/buy: ") || r.Faulty() != 0 {
		t.Errorf("what was not measured is in\n%s", text)
	}
	r.Options.Base = ""
	if text = render(t, r.Markdown); strings.Contains(text, "this") || strings.Contains(text, "yesterday") {
		t.Errorf("two programs in\n%s", text)
	}
}
