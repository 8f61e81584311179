package edge

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"spike/edge/internal/storetest"
	"spike/luascripts/ledger"
)

// moody is a store that takes writes, or does not.
type moody struct {
	ledger.Store
	no atomic.Bool
}

func (m *moody) Willing(context.Context) error {
	if m.no.Load() {
		return ledger.ErrDown
	}
	return nil
}

// Row D17: the metric and the probe say the same about the store and the listener.
func TestD17MetricSaysWhatTheProbeSays(t *testing.T) {
	store := &moody{Store: storetest.Embedded(t, 100, time.Minute)}
	s := testServer(t, testConfig(), store)
	operators := s.operators().Handler()
	for _, state := range []struct {
		listens, refuses bool
		want             int
		named            string
	}{{false, false, 503, "listener"}, {true, false, 200, "ready"}, {true, true, 503, "store"}, {true, false, 200, "ready"},
		{false, true, 503, "listener"}} {
		s.ready.Store(state.listens)
		store.no.Store(state.refuses)
		_ = s.pulse.Feel(t.Context())
		probe, text := hear(operators, httptest.NewRequest(http.MethodGet, "http://localhost/readyz", nil))
		_, metrics := hear(operators, httptest.NewRequest(http.MethodGet, "http://localhost/metrics", nil))
		if one := strings.Contains(string(metrics), "\nspike_ready 1\n"); probe.StatusCode != state.want ||
			one != (state.want == 200) ||
			!strings.Contains(string(text), state.named) {
			t.Errorf("%+v: /readyz %d %s, spike_ready 1: %v", state, probe.StatusCode, text, one)
		}
	}
}
