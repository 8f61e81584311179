package order

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"spike/luascripts/ledger"
)

// partOK is the metric of a part: 1 or 0; -1 before the metric exists.
func partOK(t testing.TB, from prometheus.Gatherer, part string) float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "spike_orders_part_ok" && m.GetLabel()[0].GetValue() == part {
				return m.GetGauge().GetValue()
			}
		}
	}
	return -1
}

// gaugeOf is a gauge without labels; -1: it does not exist.
func gaugeOf(t testing.TB, from prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	return -1
}

// A failure is over when it is over for every caller, and that is logged once.
func TestTroubleOfSeveral(t *testing.T) {
	var said strings.Builder
	p := newHealthLog(zerolog.New(&said), "store")
	p.note("a", errAway)
	p.note("b", errAway)
	p.note("b", nil)
	p.note("c", nil)
	if p.well() || strings.Count(said.String(), "\n") != 1 {
		t.Errorf("a is still in trouble; said:\n%s", &said)
	}
	p.forget("a")
	if !p.well() || strings.Contains(said.String(), "well again") {
		t.Errorf("nobody has found it well; said:\n%s", &said)
	}
	p.note("c", nil)
	p.note("c", nil)
	if !p.well() || strings.Count(said.String(), "well again") != 1 {
		t.Errorf("said:\n%s", &said)
	}
}

// blindStore does not show its sales.
type blindStore struct{ ledger.Store }

func (blindStore) Show(context.Context, string) (ledger.ShowReply, error) {
	return ledger.ShowReply{}, errDownToday
}

// The list and other calls go well, and one call fails. All the time the store is not well, and the log never says that it is.
func TestTroubleOfOneIsNotClearedByOthers(t *testing.T) {
	t.Parallel()
	for what, broken := range map[string]func(ledger.Store) ledger.Store{
		"streams": func(s ledger.Store) ledger.Store { return mutedStore{s} },
		"shows":   func(s ledger.Store) ledger.Store { return blindStore{s} },
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { staysInTrouble(t, broken) })
		})
	}
}

func staysInTrouble(t *testing.T, broken func(ledger.Store) ledger.Store) {
	t.Helper()
	var said strings.Builder
	store, metrics := newShop(), prometheus.NewRegistry()
	store.sale(t, "a", 10, time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Config{Batch: 9, Registry: metrics, pace: &steady}, broken(store), closedRepository{},
			zerolog.New(&said))
	}()
	for range 100 {
		time.Sleep(300 * time.Millisecond)
		synctest.Wait()
		if ok := partOK(t, metrics, "store"); ok != 0 {
			t.Fatalf("the store is at %v", ok)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if strings.Contains(said.String(), "well again") || !strings.Contains(said.String(), errDownToday.Error()) {
		t.Errorf("said:\n%s", &said)
	}
}

// outboxAwayRepository stores orders; its outbox is away.
type outboxAwayRepository struct {
	Repository
	off atomic.Bool
}

func (l *outboxAwayRepository) Take(ctx context.Context, now time.Time, lease time.Duration, most int) ([]Delivery, error) {
	if l.off.Load() {
		return nil, errAway
	}
	return l.Repository.Take(ctx, now, lease, most)
}

// Nothing happens at the sale. The sender alone finds the database away, and back.
func TestSenderSaysThatTheDatabaseIsBack(t *testing.T) {
	t.Parallel()
	metrics, lost := prometheus.NewRegistry(), &outboxAwayRepository{Repository: newSQLite(t)}
	lost.off.Store(true)
	work(t, newShop(), lost, hooked("http://127.0.0.1:1/"), func(c *Config) { c.Registry = metrics })
	eventually(t, "the database is not well", func() bool { return partOK(t, metrics, "database") == 0 })
	lost.off.Store(false)
	eventually(t, "it is well again", func() bool { return partOK(t, metrics, "database") == 1 })
}
