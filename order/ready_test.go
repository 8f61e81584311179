package order

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"spike/luascripts/ledger"
)

// moody takes writes, or does not.
type moody struct {
	ledger.Store
	no atomic.Bool
}

func (m *moody) Willing(ctx context.Context) error {
	if m.no.Load() {
		return ledger.ErrDown
	}
	return m.Store.Willing(ctx)
}

// Rows D8 and D17: a store that answers and takes no writes counts as away, and the metric agrees with the probe.
func TestD8OrdersMetricSaysWhatTheProbeSays(t *testing.T) {
	store := &moody{Store: newShop()}
	w, err := newWorker(Config{Batch: 1, pace: &brisk}, store, nil, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	for _, no := range []bool{false, true, false} {
		store.no.Store(no)
		_ = w.pulse.Feel(t.Context())
		probe, metrics := httptest.NewRecorder(), httptest.NewRecorder()
		side := w.side().Handler()
		side.ServeHTTP(probe, httptest.NewRequest(http.MethodGet, "http://localhost/readyz", nil))
		side.ServeHTTP(metrics, httptest.NewRequest(http.MethodGet, "http://localhost/metrics", nil))
		for _, name := range []string{"spike_ready", "spike_orders_ready"} {
			if one := strings.Contains(metrics.Body.String(), "\n"+name+" 1\n"); one == no ||
				(probe.Code == http.StatusOK) == no {
				t.Errorf("refuses %v: /readyz %d, %s 1: %v", no, probe.Code, name, one)
			}
		}
	}
}

// The database answers and says that it takes writes, but takes no order. The worker is not ready, though no order is lost. It is
// ready again when it has stored the orders in hand, even if nobody buys.
func TestD8NotReadyWhileNoOrderIsStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, repo, metrics := newShop(), &fullRepository{}, prometheus.NewRegistry()
		repo.full.Store(true)
		store.sale(t, "a", 10, time.Hour)
		said := &diary{}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- Run(ctx, Config{Batch: 9, Registry: metrics, pace: &steady}, store, repo, zerolog.New(said))
		}()
		ready := func(want float64, lines int) {
			t.Helper()
			synctest.Wait()
			if got := gaugeOf(t, metrics, "spike_orders_ready"); got != want || strings.Count(said.String(), "ready") != lines {
				t.Errorf("spike_orders_ready %v, want %v; said:\n%s", got, want, said.String())
			}
		}
		time.Sleep(10 * time.Second)
		ready(1, 0) // there is no order to store
		store.buy(t, "a", 1)
		time.Sleep(10 * time.Second)
		ready(0, 1)
		repo.full.Store(false)
		time.Sleep(10 * time.Second)
		ready(1, 2)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// fullRepository is a database whose disk may be full.
type fullRepository struct {
	closedRepository
	full atomic.Bool
}

func (b *fullRepository) Save(context.Context, Entry) error {
	if b.full.Load() {
		return errAway
	}
	return nil
}

// A deadlock is over at the next try, so it does not count.
func TestTroubleThatLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newHealthLog(zerolog.Nop(), "database")
		p.note("a", errAway)
		if why := p.lasting(wrongFor); why != "" {
			t.Error(why)
		}
		time.Sleep(wrongFor)
		p.note("a", errAway) // the failure began before
		if why := p.lasting(wrongFor); !strings.Contains(why, "database: a: ") {
			t.Error(why)
		}
		p.note("a", ledger.ErrReplicas) // the part answers, and what it needs is missing
		if why := p.lasting(wrongFor); !strings.HasPrefix(why, "replicas are missing, or too slow: a: ") {
			t.Error(why)
		}
		p.note("a", nil)
		if why := p.lasting(0); why != "" {
			t.Error(why)
		}
	})
}
