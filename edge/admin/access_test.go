package admin

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"spike/edge/answer"
	"spike/edge/internal/storetest"
	"spike/order/loopback"
)

// tokens has one token for each role. Its text is the role's name.
func tokens() *loopback.Tokens {
	t := loopback.NewTokens()
	t.Set(loopback.Secrets{loopback.Admin: {"admin"}, loopback.Viewer: {"viewer"}, loopback.Payment: {"payment"}})
	return t
}

// withRoles is a side with a token for each role, a page, and something to look at.
func withRoles(t *testing.T) *Side {
	says := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }
	return &Side{Store: storetest.Embedded(t, 10, time.Minute), Log: zerolog.Nop(), Document: http.NotFoundHandler(),
		Metrics: prometheus.NewRegistry(), Ready: func(context.Context) string { return "" }, Tokens: tokens(),
		Confirm: func(context.Context, string) answer.Reply { return answer.ErrNoReservation.Reply() },
		Release: func(context.Context, string) (answer.Reservation, error) {
			return answer.Reservation{}, answer.ErrNoReservation
		},
		Pages: map[string]http.HandlerFunc{"GET /{$}": says}, Looks: map[string]http.HandlerFunc{"GET /api/v1/look": says}}
}

// mayUse has every guarded route, and the roles other than admin that may use it.
var mayUse = map[string][]string{
	"GET /metrics": {"viewer"},

	"GET /debug/pprof/": {}, "GET /debug/pprof/cmdline": {}, "GET /debug/pprof/profile": {}, "GET /debug/pprof/symbol": {},
	"POST /debug/pprof/symbol": {}, "GET /debug/pprof/trace": {},

	"GET /api/v1/look": {"viewer"}, "GET /api/v1/sales": {"viewer"}, "GET /api/v1/sales/{sale}": {"viewer"},
	"GET /api/v1/sales/{sale}/audit": {"viewer"},

	"POST /api/v1/sales": {}, "DELETE /api/v1/sales/{sale}": {}, "POST /api/v1/sales/{sale}/add": {},
	"POST /api/v1/sales/{sale}/pause": {}, "POST /api/v1/sales/{sale}/resume": {}, "POST /api/v1/sales/{sale}/close": {},

	"POST /api/v1/sales/{sale}/reopen": {}, "PATCH /api/v1/sales/{sale}": {},

	"POST /api/v1/reservations/{token}/confirm": {"payment"}, "POST /api/v1/reservations/{token}/prolong": {"payment"},
	"POST /api/v1/reservations/{token}/release": {"payment"},

	"GET /api/v1/sales/{sale}/units/{serial}": {"viewer", "payment"}, "POST /api/v1/sales/{sale}/units/{serial}/release": {},
}

// ask sends a request without a body. The pattern's variables are filled in.
func ask(o http.Handler, pattern, auth, cookie string) *http.Response {
	filled := strings.NewReplacer("{sale}", "none", "{token}", "none", "{serial}", "1", "{$}", "").Replace(pattern)
	method, path, _ := strings.Cut(filled, " ")
	r := httptest.NewRequest(method, path+"?seconds=-1", strings.NewReader(""))
	r.Host = "edge.example"
	if auth != "" {
		r.Header.Set("Authorization", "Bearer "+auth)
	}
	if cookie != "" {
		r.Header.Set("Cookie", sessionCookie+"="+cookie)
	}
	w := httptest.NewRecorder()
	o.ServeHTTP(w, r)
	return w.Result()
}

// Each route lets exactly its roles in, by a bearer token and by a session alike. A refusal names what the token is for.
func TestRolesAndRoutes(t *testing.T) {
	side := withRoles(t)
	o := side.Handler()
	for pattern := range side.guarded() {
		roles, listed := mayUse[pattern]
		if !listed {
			t.Errorf("%s: mayUse does not say who may use it", pattern)
		}
		if strings.HasSuffix(pattern, "/profile") || strings.HasSuffix(pattern, "/trace") {
			continue // they take long; the other profiles show the rule
		}
		for role, no := range map[string]int{"admin": 403, "viewer": 403, "payment": 403, "": 401, "wrong": 401} {
			want := 0
			if role != "admin" && !slices.Contains(roles, role) {
				want = no
			}
			seal := side.Tokens.Seal(role, time.Now().Add(time.Hour))
			for way, got := range map[string]int{"token": ask(o, pattern, role, "").StatusCode,
				"session": ask(o, pattern, "", seal).StatusCode, "token, not session": ask(o, pattern, role,
					side.Tokens.Seal("admin", time.Now().Add(time.Hour))).StatusCode} {
				if role == "" && way == "token, not session" {
					continue // no token: the session counts
				}
				if refused := got == 401 || got == 403; refused != (want != 0) || refused && got != want {
					t.Errorf("%s by %s of %q: %d, want %d", pattern, way, role, got, want)
				}
			}
		}
	}
	for pattern := range mayUse {
		if side.guarded()[pattern] == nil {
			t.Errorf("%s is no route", pattern)
		}
	}
	for pattern := range side.open(newWrong()) {
		if got := ask(o, pattern, "", "").StatusCode; (got == 401 || got == 403) && !strings.HasSuffix(pattern, " /session") {
			t.Errorf("%s: %d", pattern, got)
		}
	}
}

// speak sends a body to /session.
func speak(o http.Handler, method, host, body, cookie string) (*http.Response, string) {
	r := httptest.NewRequest(method, "/session", strings.NewReader(body))
	r.Host = host
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	w := httptest.NewRecorder()
	o.ServeHTTP(w, r)
	return w.Result(), w.Body.String()
}

// A token is traded for a cookie that no script reads, no other site sends, and that ends with the token.
func TestSession(t *testing.T) {
	side := withRoles(t)
	o := side.Handler()
	for body, want := range map[string]int{`{"token":"viewer"}`: 204, `{"token":"wrong"}`: 401, `{"token":""}`: 401, `{}`: 401,
		`x`: 400, `{"password":"viewer"}`: 400} {
		got, text := speak(o, "POST", "edge.example", body, "")
		if got.StatusCode != want || (len(got.Cookies()) == 1) != (want == 204) {
			t.Errorf("%s: %d %v %s", body, got.StatusCode, got.Cookies(), text)
		}
	}
	begun, _ := speak(o, "POST", "edge.example", `{"token":"viewer"}`, "")
	line := begun.Header.Get("Set-Cookie")
	value, attributes, _ := strings.Cut(line, "; ")
	if attributes != "Path=/; Max-Age=43200; HttpOnly; SameSite=Strict" || strings.Contains(line, "viewer") {
		t.Error(line)
	}
	if got, text := speak(o, "GET", "edge.example", "", value); got.StatusCode != http.StatusOK ||
		strings.TrimSpace(text) != `{"role":"viewer","token_needed":true}` {
		t.Errorf("%d %s", got.StatusCode, text)
	}
	if got, text := speak(o, "GET", "edge.example", "", ""); got.StatusCode != http.StatusUnauthorized ||
		!strings.Contains(text, "no_token") {
		t.Errorf("%d %s", got.StatusCode, text)
	}
	if got, _ := speak(o, "DELETE", "edge.example", "", value); got.StatusCode != http.StatusNoContent ||
		got.Cookies()[0].MaxAge >= 0 {
		t.Errorf("%d %v", got.StatusCode, got.Cookies())
	}
	side.Tokens.Set(loopback.Secrets{loopback.Admin: {"admin"}})
	if got, _ := speak(o, "GET", "edge.example", "", value); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("the session outlives its token: %d", got.StatusCode)
	}
}

// Without any token, everybody on this machine is an admin, and nobody else is anything.
func TestSessionWithoutTokens(t *testing.T) {
	side := withRoles(t)
	side.Tokens = nil
	o := side.Handler()
	if got, text := speak(o, "GET", "localhost:3006", "", ""); got.StatusCode != http.StatusOK ||
		strings.TrimSpace(text) != `{"role":"admin","token_needed":false}` {
		t.Errorf("%d %s", got.StatusCode, text)
	}
	for host, want := range map[string]int{"localhost:3006": 204, "evil.example": 403} {
		if got, _ := speak(o, "POST", host, `{"token":"x"}`, ""); got.StatusCode != want || len(got.Cookies()) > 0 {
			t.Errorf("%s: %d %v", host, got.StatusCode, got.Cookies())
		}
	}
}

// Many wrong tokens wait, and the right one does not.
func TestWrongTokensWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, start := withRoles(t).Handler(), time.Now()
		for range wrongAtOnce {
			ask(o, "GET /metrics", "wrong", "")
		}
		if time.Since(start) != 0 {
			t.Errorf("a few wrong ones wait for %v", time.Since(start))
		}
		for range 2 * wrongPerSecond {
			ask(o, "GET /metrics", "wrong", "")
		}
		if waited := time.Since(start); waited < 1900*time.Millisecond {
			t.Errorf("many wrong ones wait for %v", waited)
		}
		start = time.Now()
		if got := ask(o, "GET /metrics", "admin", "").StatusCode; got != 200 || time.Since(start) != 0 {
			t.Errorf("the right one: %d after %v", got, time.Since(start))
		}
	})
}
