package admin

import (
	"context"
	"net/http"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"spike/edge/answer"
	"spike/order/loopback"
)

// Who may do what is here. A caller's role comes from its bearer token, or from the session cookie that it has traded for one.
// Without any token, everybody on this machine is an admin.

// allows says whether a role may use the route of a pattern.
func allows(role loopback.Role, pattern string) bool {
	method, path, _ := strings.Cut(pattern, " ")
	switch role {
	case loopback.Nobody:
	case loopback.Admin:
		return true
	case loopback.Viewer:
		return method == http.MethodGet && !strings.HasPrefix(path, "/debug/pprof/")
	case loopback.Payment:
		return strings.HasPrefix(path, "/api/v1/reservations/") ||
			method == http.MethodGet && strings.Contains(path, "/units/")
	}
	return false
}

// guard lets the roles in that may use the route. Without a token, the request must name this machine as its host.
func (s *Side) guard(pattern string, wrong *wrong, next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		role := s.role(r)
		if !allows(role, pattern) {
			if role == loopback.Nobody && r.Header.Get("Authorization") != "" {
				wrong.wait(r.Context())
			}
			s.refusal(role).Write(w)
			return
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
		still := func() bool { return allows(s.role(r), pattern) }
		next(w, r.WithContext(context.WithValue(r.Context(), mayStay{}, still)))
	})
}

// mayStay is the key of what a guarded request's context knows: whether its caller may still use the route.
type mayStay struct{}

// MayStay says whether the caller of a guarded route may still use it: tokens change, and sessions end. An answer that goes on
// for long asks again and again.
func MayStay(ctx context.Context) bool {
	still, guarded := ctx.Value(mayStay{}).(func() bool)
	return guarded && still()
}

// role is the caller's role. If the caller shows a token, its cookie does not count.
func (s *Side) role(r *http.Request) loopback.Role {
	auth := r.Header.Get("Authorization")
	switch {
	case s.Tokens.None() && loopback.Means(r.Host):
		return loopback.Admin
	case auth != "":
		return s.Tokens.Shown(auth)
	}
	if c, err := r.Cookie(sessionCookie); err == nil {
		return s.Tokens.Sealed(c.Value, time.Now())
	}
	return loopback.Nobody
}

var (
	otherName = answer.NewProblem(http.StatusForbidden, "cross_origin",
		"without an admin token this is for 127.0.0.1 and localhost, under no other name").Reply()
	noToken = answer.NewProblem(http.StatusUnauthorized, "no_token", "this needs the admin token").Reply().
		With("WWW-Authenticate", "Bearer")
	onlyLooks = answer.NewProblem(http.StatusForbidden, "viewer", "this token may look, and nothing else").Reply()
	onlyPays  = answer.NewProblem(http.StatusForbidden, "payment", "this token is for reservations, and nothing else").Reply()
)

// refusal answers a role that may not use a route.
func (s *Side) refusal(role loopback.Role) *answer.Reply {
	switch {
	case role == loopback.Viewer:
		return &onlyLooks
	case role == loopback.Payment:
		return &onlyPays
	case s.Tokens.None():
		return &otherName
	}
	return &noToken
}

// wrong makes wrong tokens wait when there are many, so that tokens cannot be guessed fast. The right token never waits.
type wrong struct{ pace *rate.Limiter }

// Limits of wrong tokens. A side has 64 connections for strangers.
const (
	wrongPerSecond = 10
	wrongAtOnce    = 300
	wrongWaits     = 2 * time.Second // at the most
)

func newWrong() *wrong { return &wrong{rate.NewLimiter(wrongPerSecond, wrongAtOnce)} }

func (w *wrong) wait(ctx context.Context) {
	d := w.pace.Reserve()
	if d.Delay() > wrongWaits {
		defer d.Cancel()
	}
	select {
	case <-time.After(min(d.Delay(), wrongWaits)):
	case <-ctx.Done():
	}
}

// cameFrom is page if a browser's page sent the request, else api. A page has a session, or says that it is of this very site.
func cameFrom(r *http.Request) string {
	if r.Header.Get("Authorization") == "" {
		if _, err := r.Cookie(sessionCookie); err == nil || r.Header.Get("Sec-Fetch-Site") == "same-origin" {
			return "page"
		}
	}
	return "api"
}
