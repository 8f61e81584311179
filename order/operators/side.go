package operators

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"spike/order/loopback"
)

// ErrAdmin says that the operators' side cannot listen, or would stand open.
var ErrAdmin = errors.New("the operators' side")

// Listen opens the operators' listener; nil if addr is empty.
func Listen(addr string, tokens *loopback.Tokens) (net.Listener, error) {
	if addr == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%w: cannot listen on %s: %w", ErrAdmin, addr, err)
	}
	if tokens.None() && !l.Addr().(*net.TCPAddr).IP.IsLoopback() {
		_ = l.Close()
		return nil, fmt.Errorf("%w is for loopback, or needs a token: %s", ErrAdmin, addr)
	}
	return l, nil
}

// Addr is a listener's address; nil if there is no listener.
func Addr(l net.Listener) net.Addr {
	if l == nil {
		return nil
	}
	return l.Addr()
}

// Side is the operators' side of a program that is no edge.
type Side struct {
	Tokens  *loopback.Tokens                           // needed for the metrics, if there are any
	Ready   func(context.Context) (why, remark string) // why it is not ready; "": it is ready, perhaps with a remark
	Metrics *prometheus.Registry                       // Handler adds spike_ready, and what is told of each program
	Version string
	API     http.Handler // what is beneath /api/; nil: nothing. Pages of other sites may only read
}

// Handler answers /healthz, /readyz and /metrics. The first two need no token, because supervisors ask them.
func (s Side) Handler() http.Handler {
	s.Metrics.MustRegister(Common(s.Version, func(ctx context.Context) string {
		why, _ := s.Ready(ctx)
		return why
	})...)
	mux, wrong := http.NewServeMux(), NewWrongTokens()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET /metrics", s.guard(wrong, promhttp.HandlerFor(s.Metrics, promhttp.HandlerOpts{EnableOpenMetrics: true})))
	if s.API != nil {
		mux.Handle("/api/", s.guard(wrong, http.NewCrossOriginProtection().Handler(s.API)))
	}
	return mux
}

// Serve answers on a listener until stop is called. On a nil listener it does nothing.
func (s Side) Serve(l net.Listener) (stop func()) {
	if l == nil {
		return func() {}
	}
	server := &http.Server{Handler: s.Handler(), ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10}
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(l) })
	return func() {
		_ = server.Close()
		running.Wait()
	}
}

// readyz names the part that is not ready.
func (s Side) readyz(w http.ResponseWriter, r *http.Request) {
	why, remark := s.Ready(r.Context())
	switch {
	case why != "":
		http.Error(w, why, http.StatusServiceUnavailable)
	case remark != "":
		_, _ = fmt.Fprintln(w, "ready, but "+remark)
	default:
		_, _ = fmt.Fprintln(w, "ready")
	}
}

// guard demands the bearer token if there is one. If there is none, the request must mean this machine: a request from a page of
// another site does not.
func (s Side) guard(wrong *WrongTokens, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.Tokens.None() && !loopback.Means(r.Host):
			http.Error(w, "without an admin token this is for 127.0.0.1 and localhost, under no other name", http.StatusForbidden)
		case !s.Tokens.None() && s.Tokens.Shown(r.Header.Get("Authorization")) != loopback.Admin:
			if r.Header.Get("Authorization") != "" {
				wrong.Wait(r.Context())
			}
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "this needs the admin token", http.StatusUnauthorized)
		default:
			next.ServeHTTP(w, r)
		}
	})
}
