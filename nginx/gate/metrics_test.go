package gate

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"spike/luascripts/ledger"
)

// scraped is the values of one scrape, by name and labels.
func scraped(t *testing.T, g *Gate) map[string]float64 {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(g)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return got
}

// The gate's own counters, and their names.
func TestGateMetrics(t *testing.T) {
	inWorld(t, sold, func(w *world) {
		w.set(func() {
			w.answers["h"], w.answers["f"] = ledger.ShowReply{Head: held}, ledger.ShowReply{Head: selling}
		})
		w.hears.News("h", ledger.Open)
		w.hears.News("f", ledger.Open)
		w.pass(time.Second)
		got := scraped(t, w.gate)
		for name, want := range map[string]float64{"spike_gate_sales": 3, "spike_gate_flags sold-out": 1,
			"spike_gate_flags none-now":    1,
			"spike_gate_flag_faults_total": 0} {
			if got[name] != want {
				t.Errorf("%s %v, want %v", name, got[name], want)
			}
		}
		if got["spike_gate_looks_total"] < 3 || got["spike_gate_last_look_seconds"] > 1 {
			t.Errorf("%v", got)
		}
	})
}

// nginx' counts are metrics while they can be read, with the age of the reading.
func TestFrontMetrics(t *testing.T) {
	inWorld(t, sold, func(w *world) {
		w.gate.hasRead(ledger.FrontBeat{Seen: true, Requests: 31, Accepted: 16, Active: 9, Waiting: 6})
		w.pass(3 * time.Second)
		got := scraped(t, w.gate)
		for name, want := range map[string]float64{"spike_nginx_requests_total": 31, "spike_nginx_connections_accepted_total": 16,
			"spike_nginx_connections waiting": 6, "spike_nginx_connections busy": 3, "spike_nginx_reading_age_seconds": 3} {
			if got[name] != want {
				t.Errorf("%s %v, want %v", name, got[name], want)
			}
		}
		w.gate.hasRead(ledger.FrontBeat{})
		for name := range scraped(t, w.gate) {
			if strings.HasPrefix(name, "spike_nginx") {
				t.Errorf("%s is there, and nobody can read it", name)
			}
		}
	})
}
