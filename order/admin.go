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
	mux.Handle("GET /metrics", atHome(promhttp.HandlerFor(w.registry(), promhttp.HandlerOpts{})))
	return mux
}

// atHome refuses who does not mean this machine: the pages of other sites.
func atHome(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !loopback.Means(r.Host) {
			http.Error(rw, "this is for 127.0.0.1 and localhost, under no other name", http.StatusForbidden)
			return
		}
		next.ServeHTTP(rw, r)
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
	_, _ = fmt.Fprintln(rw, "ready")
}

func (w *Worker) unready(ctx context.Context) string {
	if err := w.store.Ping(ctx); err != nil {
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
		return "database: its tables are not there yet"
	}
}
