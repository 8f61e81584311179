package edge

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"spike/luascripts"
)

// ErrAdmin says that the operators' side would stand open.
var ErrAdmin = errors.New("the operators' side is for loopback, or needs a token")

// listenAdmin opens the operators' listener; nil when there is to be none.
func (s *Server) listenAdmin() (net.Listener, error) {
	if s.cfg.Admin == "" {
		return nil, nil
	}
	l, err := listen(s.cfg.Admin)
	if err != nil {
		return nil, err
	}
	if s.cfg.AdminToken == "" && !l.Addr().(*net.TCPAddr).IP.IsLoopback() {
		_ = l.Close()
		return nil, fmt.Errorf("%w: %s", ErrAdmin, s.cfg.Admin)
	}
	return l, nil
}

func (s *Server) adminHandler() http.Handler {
	open := http.NewServeMux()
	open.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	open.HandleFunc("GET /readyz", s.readyz)
	guarded := http.NewServeMux()
	guarded.Handle("GET /metrics", promhttp.HandlerFor(s.registry(), promhttp.HandlerOpts{}))
	guarded.HandleFunc("/debug/pprof/", pprof.Index)
	guarded.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	guarded.HandleFunc("/debug/pprof/profile", pprof.Profile)
	guarded.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	guarded.HandleFunc("/debug/pprof/trace", pprof.Trace)
	guarded.HandleFunc("GET /api/v1/sales", s.listSales)
	guarded.HandleFunc("GET /api/v1/sales/{sale}", s.showSale)
	guarded.HandleFunc("GET /api/v1/sales/{sale}/audit", s.auditSale)
	open.Handle("/", s.guard(guarded))
	return open
}

// guard wants the bearer token, where one was set.
func (s *Server) guard(next http.Handler) http.Handler {
	want := []byte("Bearer " + s.cfg.AdminToken)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := []byte(r.Header.Get("Authorization"))
		if s.cfg.AdminToken != "" && subtle.ConstantTimeCompare(got, want) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			adminProblem(w, http.StatusUnauthorized, "no_token", "this needs the admin token")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// readyz names the part that is not ready.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	if !s.ready.Load() {
		adminProblem(w, http.StatusServiceUnavailable, "not_ready", "listener: starting or stopping")
	} else if err := s.store.Ping(ctx); err != nil {
		adminProblem(w, http.StatusServiceUnavailable, "not_ready", "store: "+err.Error())
	} else {
		_, _ = fmt.Fprintln(w, "ready")
	}
}

func (s *Server) listSales(w http.ResponseWriter, r *http.Request) {
	names, err := s.store.List(r.Context())
	adminReply(w, map[string]any{"sales": names}, err)
}

func (s *Server) showSale(w http.ResponseWriter, r *http.Request) {
	shown, err := s.store.Show(r.Context(), r.PathValue("sale"))
	adminReply(w, Describe(r.PathValue("sale"), shown), err)
}

func (s *Server) auditSale(w http.ResponseWriter, r *http.Request) {
	audit, err := s.store.Audit(r.Context(), r.PathValue("sale"))
	adminReply(w, audit, err)
}

// Description is a sale for people and programs outside.
type Description struct {
	Sale      string     `json:"sale"`
	State     string     `json:"state"`
	Total     uint64     `json:"total"`
	Free      uint64     `json:"free"`
	Leased    uint64     `json:"leased"`
	Limbo     uint64     `json:"limbo"`
	Pending   uint64     `json:"pending"`
	Confirmed uint64     `json:"confirmed"`
	Hold      string     `json:"hold"`
	Opens     *time.Time `json:"opens,omitempty"`
	Closes    *time.Time `json:"closes,omitempty"`
	Trouble   string     `json:"trouble,omitempty"`
}

// Describe puts the store's view into words.
func Describe(sale string, r luascripts.ShowReply) Description {
	at := func(us int64) *time.Time {
		if us == 0 {
			return nil
		}
		t := time.UnixMicro(us).UTC()
		return &t
	}
	return Description{Sale: sale, State: r.State.String(), Total: r.Total, Free: r.Free, Leased: r.Leased,
		Limbo: r.Limbo, Pending: r.Pending, Confirmed: r.Confirmed,
		Hold: (time.Duration(r.Hold) * time.Microsecond).String(), Opens: at(r.Opens), Closes: at(r.Closes),
		Trouble: r.Trouble}
}

func adminReply(w http.ResponseWriter, v any, err error) {
	var refusal *luascripts.Refusal
	switch {
	case errors.Is(err, luascripts.ErrNoSale), errors.Is(err, luascripts.ErrName):
		adminProblem(w, http.StatusNotFound, "no_such_sale", err.Error())
	case errors.As(err, &refusal):
		adminProblem(w, http.StatusConflict, strings.ToLower(refusal.Code), err.Error())
	case err != nil:
		adminProblem(w, http.StatusServiceUnavailable, "store", err.Error())
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
}

func adminProblem(w http.ResponseWriter, status int, code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = w.Write(problemBody(status, code, detail))
}
