//go:build e2e

package main

import (
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"spike/bench/rig/rigtest"
	"spike/edge/dashboard"
)

// startDashboard starts `spike dashboard`, and waits until it is ready.
func startDashboard(t testing.TB, args ...string) *testServer {
	t.Helper()
	s := rigtest.StartServer(t, rigtest.Dashboard, rigtest.Options{Args: args})
	return &testServer{s, s.Admin, s.Admin}
}

// A dashboard apart from the edges: roles by token and by session, actions, and tokens that are exchanged by SIGHUP.
func TestDashboardApart(t *testing.T) {
	t.Parallel()
	redis, dir := startRedis(t), t.TempDir()
	viewers := filepath.Join(dir, "viewers")
	write(t, viewers, "first\n")
	mustSpike(t, "sale", "create", "ticket", "--total", "500", "--redis", redis.addr)
	edge := startEdge(t, "--redis", redis.addr, "--node", "the-edge")
	side := startDashboard(t, "--redis", redis.addr, "--admin-token", "boss", "--viewer-token-file", viewers, "--node", "the-page")
	for range 20 {
		get(t, "GET", edge.buyURL("ticket"))
	}
	for auth, want := range map[string][3]int{"": {401, 401, 401}, "Bearer first": {200, 403, 403}, "Bearer boss": {200, 200, 200},
		"Bearer second": {401, 401, 401}} {
		for i, c := range []struct{ method, path string }{{"GET", "/api/v1/look"}, {"POST", "/api/v1/sales/ticket/pause?wait=0s"},
			{"POST", "/api/v1/sales/ticket/resume"}} {
			if status, body := ask(t, c.method, side.addr, c.path, "", auth); status != want[i] {
				t.Errorf("%s %s with %q: %d %.200s", c.method, c.path, auth, status, body)
			}
		}
	}
	session := func(token string) (int, *http.Cookie) {
		r, err := http.Post("http://"+side.addr+"/session", "application/json", strings.NewReader(`{"token":"`+token+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
		if len(r.Cookies()) == 1 {
			return r.StatusCode, r.Cookies()[0]
		}
		return r.StatusCode, nil
	}
	status, cookie := session("first")
	if status != http.StatusNoContent || cookie == nil {
		t.Fatalf("%d %v", status, cookie)
	}
	withCookie := func() int {
		q, _ := http.NewRequest(http.MethodGet, "http://"+side.addr+"/api/v1/look", nil)
		q.AddCookie(cookie)
		status, _, _ := answer(t, q)
		return status
	}
	if got := withCookie(); got != http.StatusOK {
		t.Errorf("with the cookie: %d", got)
	}
	write(t, viewers, "second\n")
	side.Signal(syscall.SIGHUP)
	eventually(t, patience, "the new token is accepted", func() bool {
		status, _ := session("second")
		return status == http.StatusNoContent
	})
	if got := withCookie(); got != http.StatusUnauthorized {
		t.Errorf("the session outlives its token: %d", got)
	}
	if status, body := ask(t, "GET", side.addr, "/", "", ""); status != 200 || !strings.Contains(body, "<html") {
		t.Errorf("the page: %d %.80s", status, body)
	}
	if status, _ := ask(t, "POST", side.addr, "/api/v1/reservations/x/confirm", "", "Bearer boss"); status != http.StatusNotFound {
		t.Errorf("a dashboard cannot confirm: %d", status)
	}
	side.stop(t)
	if log := side.Output(); strings.Contains(log, "boss") || strings.Contains(log, "second") {
		t.Errorf("a token is told:\n%s", log)
	}
}

// Off loopback a dashboard needs a token, as every operators' side.
func TestDashboardOffLoopbackNeedsAToken(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	_, port, _ := net.SplitHostPort(rigtest.FreeAddr(t))
	out, errs, code := spike(t, "dashboard", "--redis", redis.addr, "--listen", "0.0.0.0:"+port)
	if code != exitUsage || !strings.Contains(errs, "needs a token") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
}

// `spike top` tells the same from the store and through an operators' side.
func TestTop(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", "7", "--hold", "0s", "--redis", redis.addr)
	edge := startEdge(t, "--redis", redis.addr, "--node", "the-edge")
	for sold := 0; sold < 7; {
		if edge.buy(t, "ticket").Word() == rigtest.Won {
			sold++
		}
	}
	for _, from := range [][]string{{"--redis", redis.addr}, {"--url", "http://" + edge.admin}} {
		eventually(t, patience, "it tells all", func() bool {
			var l dashboard.Look
			out := mustSpike(t, append([]string{"top", "ticket", "--once", "--json"}, from...)...)
			if err := json.Unmarshal([]byte(out), &l); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			return len(l.Sales) == 1 && *l.Sales[0].Confirmed+*l.Sales[0].Pending == 7 && l.Sales[0].Buys["won"] == 7 &&
				len(l.Processes) == 1 && l.Processes[0].Node == "the-edge" && l.Processes[0].Ready && l.Sales[0].Won != nil
		})
		if out := mustSpike(t, append([]string{"top", "--once"}, from...)...); !strings.Contains(out, "ticket") ||
			!strings.Contains(out, "the-edge") || strings.Contains(out, "\x1b") {
			t.Errorf("%v:\n%s", from, out)
		}
	}
	for _, wrong := range [][]string{{"top"}, {"top", "--redis", "a:1", "--url", "http://a"}, {"top", "--redis", "a:1", "a b"}} {
		if _, errs, code := spike(t, wrong...); code != exitUsage {
			t.Errorf("%v: exit %d %s", wrong, code, errs)
		}
	}
	if _, errs, code := spike(t, "top", "--once", "--url", "http://"+rigtest.FreeAddr(t)); code != exitDependency {
		t.Errorf("nobody is there: exit %d %s", code, errs)
	}
}
