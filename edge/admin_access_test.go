package edge

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"spike/edge/admin"
	"spike/edge/internal/storetest"
	"spike/order/loopback"
	"spike/order/operators"
)

// guarded is every path of the operators' side that needs the token.
var guarded = []struct{ method, path string }{
	{"GET", "/metrics"}, {"GET", "/debug/pprof/"}, {"GET", "/debug/pprof/heap"}, {"GET", "/debug/pprof/cmdline"},
	{"GET", "/debug/pprof/profile"}, {"GET", "/debug/pprof/symbol"}, {"POST", "/debug/pprof/symbol"}, {"GET", "/debug/pprof/trace"},
	{"GET", "/api/v1/sales"}, {"POST", "/api/v1/sales"}, {"GET", "/api/v1/sales/ticket"}, {"DELETE", "/api/v1/sales/ticket"},
	{"GET", "/api/v1/sales/ticket/audit"}, {"GET", "/api/v1/look"}, {"GET", "/events"}, {"GET", "/api/v1/journal"},
	{"GET", "/sales/ticket/report.html"}, {"POST", "/api/v1/sales/ticket/add"}, {"POST", "/api/v1/sales/ticket/pause"},
	{"POST", "/api/v1/sales/ticket/resume"}, {"POST", "/api/v1/sales/ticket/close"}, {"POST", "/api/v1/reservations/x/confirm"},
}

// Every text that is nearly the token is refused, from loopback too, and no answer and no log has the token.
func TestOperatorsNeedTheToken(t *testing.T) {
	const token = "S3cret-of-the-operators"
	cfg := testConfig()
	cfg.AdminTokens = loopback.NewTokens(token)
	var log bytes.Buffer
	s := loggingServer(t, cfg, storetest.Embedded(t, 10, time.Minute), zerolog.New(&log))
	o := s.operators().Handler()
	for _, auth := range []string{"", token, "Bearer", "Bearer ", "Bearer " + token[:len(token)-1], "Bearer " + token + "x",
		"bearer " + token,
		"Bearer  " + token, "Bearer " + strings.ToLower(token), "Basic " + token, "Bearer " + token + ", Bearer x",
		"Bearer x" + token[1:]} {
		for _, at := range guarded {
			r := httptest.NewRequest(at.method, at.path, nil)
			r.Host, r.RemoteAddr = "localhost:3006", "127.0.0.1:1"
			if auth != "" {
				r.Header.Set("Authorization", auth)
			}
			w := httptest.NewRecorder()
			o.ServeHTTP(w, r)
			if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") != "Bearer" ||
				strings.Contains(w.Body.String(), token) {
				t.Errorf("%s %s with %q: %d %v %s", at.method, at.path, auth, w.Code, w.Header(), w.Body)
			}
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/api/v1/sales/ticket/resume", nil)
	r.Host = "edge.example" // with the token, any name will do
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	o.ServeHTTP(w, r)
	if w.Code != 200 || !strings.Contains(log.String(), "resumed") {
		t.Errorf("%d %s, log %s", w.Code, w.Body, &log)
	}
	if strings.Contains(log.String()+w.Body.String(), token) {
		t.Errorf("the token is told: %s %s", &log, w.Body)
	}
}

// guarded is complete: every other path is open to all, and answers only what all may know.
func TestOpenWithoutToken(t *testing.T) {
	cfg := testConfig()
	cfg.AdminTokens = loopback.NewTokens("x")
	o := testServer(t, cfg, storetest.Embedded(t, 10, time.Minute)).operators().Handler()
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 503, "/openapi.yaml": 200, "/": 200, "/edges": 200,
		"/session": 401, "/assets/none": 404, "/api/v1/": 404,
		"/debug/": 404, "/debug/vars": 404, "/metrics/": 404} {
		w := httptest.NewRecorder()
		o.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// Without a token the operators' side opens only on loopback. A listener that was opened to find out is closed again.
func TestOperatorsSideIsForLoopback(t *testing.T) {
	closed := []string{"0.0.0.0:0", "[::]:0", ":0"}
	for _, addr := range append(closed, foreign(t)...) {
		if l, err := admin.Listen(addr, nil); !errors.Is(err, operators.ErrAdmin) {
			t.Errorf("%s without a token: %v %v", addr, l, err)
		}
		l, err := admin.Listen(addr, loopback.NewTokens("t0ken"))
		if err != nil {
			t.Errorf("%s with a token: %v", addr, err)
			continue
		}
		_ = l.Close()
	}
	for _, addr := range []string{"127.0.0.1:0", "127.0.0.2:0", "localhost:0"} {
		l, err := admin.Listen(addr, loopback.NewTokens())
		if err != nil {
			t.Errorf("%s: %v", addr, err)
			continue
		}
		_ = l.Close()
	}
}

// foreign is this machine's addresses that are not loopback.
func foreign(t *testing.T) (addrs []string) {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().IsGlobalUnicast() {
			addrs = append(addrs, netip.AddrPortFrom(p.Addr(), 0).String())
		}
	}
	return slices.Compact(addrs)
}
