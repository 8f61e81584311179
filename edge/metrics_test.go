package edge

import (
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"spike/edge/internal/storetest"
)

// scraped is the metrics of one scrape, by name.
func scraped(t *testing.T, s *Server) map[string][]*dto.Metric {
	t.Helper()
	all, err := s.registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	by := map[string][]*dto.Metric{}
	for _, f := range all {
		by[f.GetName()] = f.GetMetric()
	}
	return by
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// Each winner's time is taken, and about one of 32 of those whom a verdict answers.
func TestTimesOfBuys(t *testing.T) {
	s := testServer(t, testConfig(), &shelf{left: 3})
	const losers = 6400
	for range 3 + losers {
		s.serveOne(buyer("/buy/ticket"))
	}
	counts := map[string]uint64{}
	for _, m := range scraped(t, s)["spike_buy_seconds"] {
		counts[label(m, "outcome")] = m.GetHistogram().GetSampleCount()
		if counts[label(m, "outcome")] > 0 && m.GetHistogram().GetSampleSum() <= 0 {
			t.Errorf("%v took no time", m)
		}
	}
	if counts["won"] != 3 || counts["rest"] < losers/64 || counts["rest"] > losers/16+10 {
		t.Errorf("%v", counts)
	}
}

// A sale that nobody has asked this edge for is listed, with zeros. No series has an empty sale.
func TestUnaskedSalesAreListed(t *testing.T) {
	store := storetest.Embedded(t, 10, time.Minute)
	(&storetest.Watched{Store: store}).Make(t, "later")
	s := testServer(t, testConfig(), store)
	s.sales.FindNames(t.Context())
	zeros := 0
	for name, list := range scraped(t, s) {
		for _, m := range list {
			for _, l := range m.GetLabel() {
				if l.GetName() == "sale" && l.GetValue() == "" {
					t.Errorf("%s has an empty sale", name)
				}
			}
			if name == "spike_buys_total" && label(m, "sale") == "later" && m.GetCounter().GetValue() == 0 {
				zeros++
			}
		}
	}
	if zeros != 2 {
		t.Errorf("%d zeros of sale later, not won and undecided", zeros)
	}
}

// What a sale's view tells is told with its age.
func TestUnitsHaveAnAge(t *testing.T) {
	s := testServer(t, testConfig(), storetest.Embedded(t, 10, time.Minute))
	s.serveOne(buyer("/buy/ticket"))
	all := scraped(t, s)
	for _, name := range []string{"spike_units_age_seconds", "spike_sale_state", "spike_edge_oldest_claim_seconds",
		"spike_edge_lease_ends_seconds", "spike_build_info", "spike_connections"} {
		if len(all[name]) != 1 {
			t.Errorf("%s: %v", name, all[name])
		}
	}
}
