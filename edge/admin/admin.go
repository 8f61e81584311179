// Package admin is the operators' side of an edge: readiness, metrics, profiles, and sales. It has its own listener, and uses
// net/http, because it is not the hot path. All but the health checks and the API's document needs the token, or a request for
// this machine.
package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"

	"spike/edge/answer"
	"spike/edge/identity"
	"spike/edge/listener"
	"spike/edge/sales"
	"spike/luascripts/ledger"
	"spike/order/loopback"
	"spike/order/operators"
)

// Store is the part of a store that the operators' side uses.
type Store interface {
	ledger.News
	ledger.Operator
	ledger.Journal
}

// Side is the operators' side of an edge.
type Side struct {
	Store    Store
	Log      zerolog.Logger
	Tokens   *loopback.Tokens                                     // operators must show one, if there are any
	Ready    func(context.Context) string                         // "", or the part that is not ready
	Confirm  func(ctx context.Context, token string) answer.Reply // confirms a paid reservation
	Metrics  prometheus.Gatherer
	Document http.Handler
}

// Listen opens the operators' listener, as operators.Listen does. It is nil for "". Connections without the token are limited.
func Listen(addr string, tokens *loopback.Tokens) (net.Listener, error) {
	l, err := operators.Listen(addr, tokens)
	if l == nil || err != nil {
		return nil, err
	}
	// connections of this machine are exempt from the limit of one source
	return listener.NewVisitors(identity.NewWho(identity.TrustedByDefault(), nil).Trusts).Listener(l), nil
}

// Server is the HTTP server for the listener that Listen has opened.
func (s *Side) Server() *http.Server {
	return &http.Server{Handler: s.Handler(), ReadHeaderTimeout: listener.ReadTimeout,
		IdleTimeout: listener.IdleTimeout, MaxHeaderBytes: listener.MaxHeader, ConnContext: listener.Keep}
}

// Handler has the endpoints of the operators' side. Only the health checks and the public document need no token.
func (s *Side) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET /openapi.yaml", s.Document)
	mux.Handle("GET /metrics", s.guard(promhttp.HandlerFor(s.Metrics, promhttp.HandlerOpts{EnableOpenMetrics: true}).ServeHTTP))
	for pattern, serve := range map[string]http.HandlerFunc{
		"GET /debug/pprof/":                         pprof.Index,
		"GET /debug/pprof/cmdline":                  pprof.Cmdline,
		"GET /debug/pprof/profile":                  pprof.Profile,
		"GET /debug/pprof/symbol":                   pprof.Symbol,
		"POST /debug/pprof/symbol":                  pprof.Symbol,
		"GET /debug/pprof/trace":                    pprof.Trace,
		"GET /api/v1/sales":                         s.listSales,
		"POST /api/v1/sales":                        s.createSale,
		"GET /api/v1/sales/{sale}":                  s.showSale,
		"DELETE /api/v1/sales/{sale}":               s.removeSale,
		"GET /api/v1/sales/{sale}/audit":            s.auditSale,
		"POST /api/v1/sales/{sale}/add":             s.addUnits,
		"POST /api/v1/sales/{sale}/pause":           s.shutSale("paused"),
		"POST /api/v1/sales/{sale}/resume":          s.resumeSale,
		"POST /api/v1/sales/{sale}/close":           s.shutSale("closed"),
		"POST /api/v1/reservations/{token}/confirm": s.confirm,
	} {
		mux.Handle(pattern, s.guard(serve))
	}
	return s.inTime(sameOrigin(problems(mux)))
}

// inTime checks the token as soon as the headers have come, so that a connection with the token is known before a body is read.
// It reads a request's whole body before the handler runs, so that a client who never ends its body is cut off, with the token
// or without. A client who does not read the answer is cut off, too. guard lifts that limit, because a profile takes long.
func (s *Side) inTime(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.mayEnter(r) == nil {
			listener.Recognise(r.Context())
		}
		w.Header().Set("Cache-Control", "no-store")
		line := http.NewResponseController(w)
		err := readWhole(line, w, r)
		_ = line.SetWriteDeadline(time.Now().Add(listener.SendTimeout))
		if err != nil {
			w.Header().Set("Connection", "close")
			answer.Unread(err, "the body is not whole").Write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// readWhole reads the body into memory. After an error the deadline stays, because net/http goes on reading the rest of the body.
func readWhole(line *http.ResponseController, w http.ResponseWriter, r *http.Request) error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	_ = line.SetReadDeadline(time.Now().Add(listener.ReadTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, listener.MaxBody))
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	_ = line.SetReadDeadline(time.Time{}) // a handler may run longer
	return nil
}

// sameOrigin refuses writes by pages of other sites in an operator's browser.
func sameOrigin(next http.Handler) http.Handler {
	p := http.NewCrossOriginProtection()
	p.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusForbidden, "cross_origin", "a page of another site may not do this")
	}))
	return p.Handler(next)
}

// problems answers with a problem if the mux has no handler for a path or its method.
func problems(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" {
			w = &muxNo{ResponseWriter: w}
		}
		mux.ServeHTTP(w, r)
	})
}

// muxNo turns the mux's own 404 and 405 into problems.
type muxNo struct{ http.ResponseWriter }

func (w *muxNo) WriteHeader(status int) {
	code, detail := "not_found", "there is no such endpoint"
	if status == http.StatusMethodNotAllowed {
		code, detail = "method_not_allowed", "this is "+w.Header().Get("Allow")
	}
	problem(w.ResponseWriter, status, code, detail)
}

func (w *muxNo) Write(b []byte) (int, error) { return len(b), nil }

// guard demands the bearer token, if there is one. Without one, the request must name this machine as its host.
func (s *Side) guard(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if no := s.mayEnter(r); no != nil {
			no.Write(w)
			return
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
		next(w, r)
	})
}

var (
	otherName = answer.NewProblem(http.StatusForbidden, "cross_origin",
		"without an admin token this is for 127.0.0.1 and localhost, under no other name").Reply()
	noToken = answer.NewProblem(http.StatusUnauthorized, "no_token", "this needs the admin token").Reply().
		With("WWW-Authenticate", "Bearer")
)

// mayEnter is nil if the request is allowed. Otherwise it is the answer.
func (s *Side) mayEnter(r *http.Request) *answer.Reply {
	switch {
	case s.Tokens.None() && !loopback.Means(r.Host):
		return &otherName
	case !s.Tokens.None() && !s.Tokens.Shown(r.Header.Get("Authorization")):
		return &noToken
	}
	return nil
}

// readyz names the part that is not ready.
func (s *Side) readyz(w http.ResponseWriter, r *http.Request) {
	if why := s.Ready(r.Context()); why != "" {
		problem(w, http.StatusServiceUnavailable, "not_ready", why)
		return
	}
	_, _ = fmt.Fprintln(w, "ready")
}

func (s *Side) confirm(w http.ResponseWriter, r *http.Request) {
	s.Confirm(r.Context(), r.PathValue("token")).Write(w)
}

func (s *Side) listSales(w http.ResponseWriter, r *http.Request) {
	names, err := s.Store.List(r.Context())
	reply(w, http.StatusOK, map[string]any{"sales": names}, err)
}

func (s *Side) showSale(w http.ResponseWriter, r *http.Request) {
	shown, err := s.Store.Show(r.Context(), r.PathValue("sale"))
	reply(w, http.StatusOK, Describe(r.PathValue("sale"), shown), err)
}

func (s *Side) auditSale(w http.ResponseWriter, r *http.Request) {
	audit, err := s.Store.Audit(r.Context(), r.PathValue("sale"))
	reply(w, http.StatusOK, audit, err)
}

// Description is a sale, as operators see it.
type Description struct {
	Sale        string      `json:"sale"`
	State       string      `json:"state"`
	Total       uint64      `json:"total"`
	Free        uint64      `json:"free"`
	Leased      uint64      `json:"leased"`
	Limbo       uint64      `json:"limbo"`
	Pending     uint64      `json:"pending"`
	Confirmed   uint64      `json:"confirmed"`
	Outstanding uint64      `json:"outstanding"` // units on edges or in limbo, which may be promised to buyers
	Hold        string      `json:"hold"`
	Limit       uint64      `json:"limit_per_buyer,omitempty"`
	Opens       *time.Time  `json:"opens,omitempty"`
	Closes      *time.Time  `json:"closes,omitempty"`
	Lots        *sales.Lots `json:"lots,omitempty"` // if the first units go by lot
	Trouble     string      `json:"trouble,omitempty"`
	Uncounted   *time.Time  `json:"uncounted_until,omitempty"` // until then promises of lost history may be alive, uncounted
}

// Describe is the description of a sale, from the store's reply.
func Describe(sale string, r ledger.ShowReply) Description {
	return Description{Sale: sale, State: r.State.String(), Total: r.Total, Free: r.Free, Leased: r.Leased,
		Limbo: r.Limbo, Pending: r.Pending, Confirmed: r.Confirmed, Outstanding: r.Leased + r.Limbo,
		Hold: (time.Duration(r.Hold) * time.Microsecond).String(), Limit: r.Limit, Opens: sales.UnixTime(r.Opens),
		Closes: sales.UnixTime(r.Closes), Lots: sales.LotsOf(r), Trouble: trouble(r), Uncounted: uncounted(r)}
}

// uncounted is the time until which there may be leases and promises that the ledger does not know.
func uncounted(r ledger.ShowReply) *time.Time {
	if until := max(r.Reopens, r.Sells); until > 0 {
		return sales.UnixTime(r.Raw + until - r.Now)
	}
	return nil
}

// trouble is why the ledger grants nothing.
func trouble(r ledger.ShowReply) string {
	if have, missing := strings.CutPrefix(r.Trouble, "MISSING "); missing {
		return have + " are there: nothing is acted on that the others do not have; " +
			"if they are gone for good: spike sale reopen NAME --yes"
	}
	if r.Trouble != "" || r.Reopens == 0 {
		return r.Trouble
	}
	wait := time.Duration(r.Reopens-r.Now) * time.Microsecond
	return fmt.Sprintf("the store's history was cut by a restart or a fail-over: nothing is granted for at most %v more",
		wait.Round(time.Second))
}

// reply answers with a value, or with the problem that err is.
func reply(w http.ResponseWriter, status int, v any, err error) {
	own, is := errors.AsType[*answer.Problem](err)
	refusal, refused := errors.AsType[*ledger.Refusal](err)
	switch {
	case is:
		own.Reply().Write(w)
	case errors.Is(err, ledger.ErrNoSale), errors.Is(err, ledger.ErrName):
		problem(w, http.StatusNotFound, "no_such_sale", err.Error())
	case refused:
		problem(w, http.StatusConflict, strings.ToLower(refusal.Code), err.Error())
	case err != nil:
		w.Header().Set("Retry-After", "1")
		problem(w, http.StatusServiceUnavailable, "store", err.Error())
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
}

func problem(w http.ResponseWriter, status int, code, detail string) {
	answer.NewProblem(status, code, detail).Reply().Write(w)
}
