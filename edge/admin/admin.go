// Package admin is the operators' side of an edge: readiness, metrics, profiles, and sales. It has its own listener, and uses
// net/http, because it is not the hot path. Callers have roles, by the tokens that they show. All but the health checks, the
// API's document and the dashboard's page without its figures needs a token, or a request for this machine.
package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
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
	ledger.Reservations
	// EventLag is ledger.Events's.
	EventLag(ctx context.Context, sale string, g ledger.Group) (ledger.Lag, error)
}

// Side is the operators' side of an edge.
type Side struct {
	Store    Store
	Log      zerolog.Logger
	Tokens   *loopback.Tokens                                     // operators must show one, if there are any
	Ready    func(context.Context) string                         // "", or the part that is not ready
	Confirm  func(ctx context.Context, token string) answer.Reply // confirms a paid reservation; nil: nothing is done by token here
	Prolong  func(ctx context.Context, token string, by time.Duration) (answer.Reservation, error)
	Release  func(ctx context.Context, token string) (answer.Reservation, error)
	Metrics  prometheus.Gatherer
	Document http.Handler
	Pages    map[string]http.HandlerFunc // further routes, by pattern, that hold no secret: they are open to all
	Looks    map[string]http.HandlerFunc // further routes that the roles may use
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

// Handler has the endpoints of the operators' side.
func (s *Side) Handler() http.Handler {
	mux, wrong := http.NewServeMux(), operators.NewWrongTokens()
	for pattern, serve := range s.open(wrong) {
		mux.HandleFunc(pattern, serve)
	}
	for pattern, serve := range s.guarded() {
		mux.Handle(pattern, s.guard(pattern, wrong, serve))
	}
	return s.inTime(sameOrigin(problems(mux)))
}

// open has the routes that need no token.
func (s *Side) open(wrong *operators.WrongTokens) map[string]http.HandlerFunc {
	all := map[string]http.HandlerFunc{
		"GET /healthz":      func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") },
		"GET /readyz":       s.readyz,
		"GET /openapi.yaml": s.Document.ServeHTTP,
		"GET /session":      s.tellSession(wrong),
		"POST /session":     s.beginSession(wrong),
		"DELETE /session":   endSession,
	}
	maps.Copy(all, s.Pages)
	return all
}

func (s *Side) metrics() http.Handler {
	return promhttp.HandlerFor(s.Metrics, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// guarded has the routes that need a role, which allows tells.
func (s *Side) guarded() map[string]http.HandlerFunc {
	all := map[string]http.HandlerFunc{
		"GET /metrics":                                     s.metrics().ServeHTTP,
		"GET /debug/pprof/":                                pprof.Index,
		"GET /debug/pprof/cmdline":                         pprof.Cmdline,
		"GET /debug/pprof/profile":                         pprof.Profile,
		"GET /debug/pprof/symbol":                          pprof.Symbol,
		"POST /debug/pprof/symbol":                         pprof.Symbol,
		"GET /debug/pprof/trace":                           pprof.Trace,
		"GET /api/v1/sales":                                s.listSales,
		"POST /api/v1/sales":                               s.createSale,
		"GET /api/v1/sales/{sale}":                         s.showSale,
		"DELETE /api/v1/sales/{sale}":                      s.removeSale,
		"GET /api/v1/sales/{sale}/audit":                   s.auditSale,
		"POST /api/v1/sales/{sale}/add":                    s.addUnits,
		"POST /api/v1/sales/{sale}/pause":                  s.shutSale("paused"),
		"POST /api/v1/sales/{sale}/resume":                 s.resumeSale,
		"POST /api/v1/sales/{sale}/close":                  s.shutSale("closed"),
		"POST /api/v1/sales/{sale}/reopen":                 s.reopenSale,
		"PATCH /api/v1/sales/{sale}":                       s.editSale,
		"GET /api/v1/sales/{sale}/units/{serial}":          s.unit,
		"POST /api/v1/sales/{sale}/units/{serial}/release": s.releaseUnit,
	}
	if s.Confirm != nil {
		all["POST /api/v1/reservations/{token}/confirm"] = s.confirm
		all["POST /api/v1/reservations/{token}/prolong"] = s.prolong
		all["POST /api/v1/reservations/{token}/release"] = s.release
	}
	maps.Copy(all, s.Looks)
	return all
}

// inTime checks the token as soon as the headers have come, so that a connection with the token is known before a body is read.
// It reads a request's whole body before the handler runs, so that a client who never ends its body is cut off, with the token
// or without. A client who does not read the answer is cut off, too. guard lifts that limit, because a profile takes long.
func (s *Side) inTime(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.role(r) != loopback.Nobody {
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
	State       string      `json:"state"` // the doors in words of old: "not open yet"
	Doors       string      `json:"doors"` // open, paused, closed, not_open or drawing
	Final       bool        `json:"final"` // no unit comes back by itself
	Total       uint64      `json:"total"`
	Free        uint64      `json:"free"`
	Leased      uint64      `json:"leased"`
	Limbo       uint64      `json:"limbo"`
	Pending     uint64      `json:"pending"`
	Confirmed   uint64      `json:"confirmed"`
	Outstanding uint64      `json:"outstanding"` // units on edges or in limbo, which may be promised to buyers
	Hold        string      `json:"hold"`        // as Go writes it: "5m0s"
	HoldSeconds int64       `json:"hold_seconds"`
	Limit       uint64      `json:"limit_per_buyer,omitempty"`
	Opens       *time.Time  `json:"opens,omitempty"`
	Closes      *time.Time  `json:"closes,omitempty"`
	OpensAt     *time.Time  `json:"opens_at,omitempty"`  // Opens, by the name that the buyers' side has, too
	ClosesAt    *time.Time  `json:"closes_at,omitempty"` // and Closes
	Lots        *sales.Lots `json:"lots,omitempty"`      // if the first units go by lot
	Trouble     string      `json:"trouble,omitempty"`
	Uncounted   *time.Time  `json:"uncounted_until,omitempty"` // until then promises of lost history may be alive, uncounted
}

// Describe is the description of a sale, from the store's reply.
func Describe(sale string, r ledger.ShowReply) Description {
	opens, closes := sales.UnixTime(r.Opens), sales.UnixTime(r.Closes)
	return Description{Sale: sale, State: r.State.String(), Doors: r.State.Word(), Final: r.Final(), Total: r.Total, Free: r.Free,
		Leased: r.Leased, Limbo: r.Limbo, Pending: r.Pending, Confirmed: r.Confirmed, Outstanding: r.Leased + r.Limbo,
		Hold: (time.Duration(r.Hold) * time.Microsecond).String(), HoldSeconds: r.Hold / 1e6, Limit: r.Limit,
		Opens: opens, Closes: closes, OpensAt: opens, ClosesAt: closes,
		Lots: sales.LotsOf(r), Trouble: trouble(sale, r), Uncounted: uncounted(r)}
}

// uncounted is the time until which there may be leases and promises that the ledger does not know.
func uncounted(r ledger.ShowReply) *time.Time {
	if until := max(r.Reopens, r.Sells); until > 0 {
		return sales.UnixTime(r.Raw + until - r.Now)
	}
	return nil
}

// trouble is why the ledger grants nothing.
func trouble(sale string, r ledger.ShowReply) string {
	if have, missing := strings.CutPrefix(r.Trouble, "MISSING "); missing {
		return have + " are there: nothing is acted on that the others do not have; " +
			"if they are gone for good: spike sale reopen " + sale + " --yes"
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
