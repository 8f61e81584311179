package report

import (
	"strings"
	"testing"
	"time"

	"spike/bench/crowd"
	"spike/bench/durable"
)

func TestDurableText(t *testing.T) {
	r := Durable{Machine: example().Machine, Options: durable.Options{Rounds: 1, Duration: time.Second, Connections: 64}}
	for _, way := range []string{"1 replica", durable.Row, durable.Row, "1 replica"} {
		r.Samples = append(r.Samples, durable.Sample{Way: way, Round: 1, Won: 40_000, Stored: 40_000, Scripts: 400, Waits: 200,
			Load: crowd.Result{Answered: 40_000, Elapsed: time.Second, Latency: crowd.Latency{P999: 30 * time.Millisecond}}})
	}
	r.Summaries = durable.Summarise(r.Samples)
	text := render(t, r.Text)
	for _, want := range []string{"1 replica", "1.00..1.00", "100.0", "200.0",
		"medians of 1 round, two loads of 1s each, 64 connections",
		"1 replica: target at least 31000 units/s: met; p99.9 at most 20 ms: missed"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "appendfsync") || r.Faulty() != 0 {
		t.Errorf("what was not measured is in\n%s", text)
	}
}
