package order

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"spike/order/loopback"
)

// handler is the operators' side.
func (w *Worker) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(rw http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(rw, "ok") })
	mux.HandleFunc("GET /readyz", w.readyz)
	mux.Handle("GET /metrics", w.guard(promhttp.HandlerFor(w.registry(), promhttp.HandlerOpts{})))
	return mux
}

// guard wants the bearer token, where one was set; where none was, the caller must mean this machine: pages of other sites do
// not.
func (w *Worker) guard(next http.Handler) http.Handler {
	tokens := w.cfg.AdminTokens
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case tokens.None() && !loopback.Means(r.Host):
			http.Error(rw, "without an admin token this is for 127.0.0.1 and localhost, under no other name", http.StatusForbidden)
		case !tokens.None() && !tokens.Shown(r.Header.Get("Authorization")):
			rw.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(rw, "this needs the admin token", http.StatusUnauthorized)
		default:
			next.ServeHTTP(rw, r)
		}
	})
}

// readyz names the part that is not ready.
func (w *Worker) readyz(rw http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	if why := w.unready(ctx); why != "" {
		http.Error(rw, why, http.StatusServiceUnavailable)
		return
	}
	if n := w.parked.Load(); n > 0 {
		_, _ = fmt.Fprintf(rw, "ready, but the database refused %d orders: see table parked_orders\n", n)
		return
	}
	_, _ = fmt.Fprintln(rw, "ready")
}

func (w *Worker) unready(ctx context.Context) string {
	if err := w.store.Willing(ctx); err != nil {
		return "store: " + err.Error()
	}
	if w.book == nil {
		return ""
	}
	if err := w.book.Ping(ctx); err != nil {
		return "database: " + err.Error()
	}
	select {
	case <-w.migrated:
		return ""
	default:
		return "database: " + w.binding.waits()
	}
}
