package order

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"spike/luascripts/ledger"
	"spike/order/operators"
)

// Whether orders are stored is one truth, which /readyz, spike_ready and the log tell. Orders are stored while the store and the
// database take writes, the orders are this database's, and no call that stores orders has failed for wrongFor.

// wrongFor is how long a caller's calls must have failed until the failure counts. A deadlock or a broken connection is over by
// then.
const wrongFor = time.Second

// side is the operators' side of this worker.
func (w *Worker) side() operators.Side {
	registry := prometheus.NewRegistry()
	registry.MustRegister(w.meters)
	if w.cfg.Process != nil {
		registry.MustRegister(w.cfg.Process)
	}
	var api http.Handler
	if w.repo != nil {
		api = w.api()
	}
	return operators.Side{Tokens: w.cfg.AdminTokens, Metrics: registry, Version: w.cfg.Version, API: api,
		Ready: func(ctx context.Context) (why, remark string) {
			if n := w.parked.Load(); n > 0 {
				remark = fmt.Sprintf("the database refused %d orders: see table parked_orders", n)
			}
			return w.unready(ctx), remark
		}}
}

// unready names the part that is not ready; "": orders are stored.
func (w *Worker) unready(ctx context.Context) string {
	if w.stopping.Load() {
		return "worker: stopping"
	}
	if err := w.pulse.Err(ctx); err != nil {
		return err.Error()
	}
	if w.repo == nil {
		return w.storeHealth.lasting(wrongFor)
	}
	select {
	case <-w.migrated:
	default:
		return "database: " + w.binding.waits()
	}
	if why := w.storeHealth.lasting(wrongFor); why != "" {
		return why
	}
	return w.databaseHealth.lasting(wrongFor)
}

// probe asks the store and the database at the same time whether they take writes.
func (w *Worker) probe(ctx context.Context) error {
	repo := make(chan error, 1)
	go func() {
		if w.repo == nil {
			repo <- nil
			return
		}
		ctx, cancel := context.WithTimeout(ctx, ledger.Timeout)
		defer cancel()
		repo <- w.repo.Ping(ctx)
	}()
	store, database := w.store.Willing(ctx), <-repo
	switch {
	case store != nil:
		return fmt.Errorf("store: %w", store)
	case database != nil:
		return fmt.Errorf("database: %w", database)
	}
	return nil
}
