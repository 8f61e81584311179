package order

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"spike/luascripts"
)

// moody takes writes, or does not.
type moody struct {
	luascripts.Store
	no atomic.Bool
}

func (m *moody) Willing(ctx context.Context) error {
	if m.no.Load() {
		return luascripts.ErrDown
	}
	return m.Store.Willing(ctx)
}

// Rows D8 and D17: a store that answers and takes no writes is none, and the metric says what the probe says.
func TestD8OrdersMetricSaysWhatTheProbeSays(t *testing.T) {
	store := &moody{Store: newTill()}
	w, err := newWorker(Config{Batch: 1, pace: &brisk}, store, nil, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	for _, no := range []bool{false, true, false} {
		store.no.Store(no)
		probe, metrics := httptest.NewRecorder(), httptest.NewRecorder()
		w.handler().ServeHTTP(probe, httptest.NewRequest(http.MethodGet, "http://localhost/readyz", nil))
		w.handler().ServeHTTP(metrics, httptest.NewRequest(http.MethodGet, "http://localhost/metrics", nil))
		if one := strings.Contains(metrics.Body.String(), "\nspike_orders_ready 1\n"); one == no || (probe.Code == http.StatusOK) == no {
			t.Errorf("refuses %v: /readyz %d, spike_orders_ready 1: %v", no, probe.Code, one)
		}
	}
}
