//go:build e2e

package main

import (
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"spike/bench/rig/rigtest"
)

// ask sends one request for a path, with a Host and an Authorization header.
func ask(t testing.TB, method, addr, path, host, auth string) (status int, body string) {
	t.Helper()
	q, err := http.NewRequest(method, "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Host = host
	if auth != "" {
		q.Header.Set("Authorization", auth)
	}
	status, _, body = answer(t, q)
	return status, body
}

// outside returns an address of this machine that is not loopback. If there is none, it skips the test.
func outside(t testing.TB) netip.Addr {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && p.Addr().IsGlobalUnicast() {
			return p.Addr()
		}
	}
	t.Skip("this machine has no address but loopback")
	return netip.Addr{}
}

// An edge whose operators' listener is not on loopback must not start without a token.
func TestAdminOffLoopbackNeedsAToken(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"0.0.0.0", "[::]", ""} {
		_, port, _ := net.SplitHostPort(rigtest.FreeAddr(t))
		out, errs, code := spike(t, "serve", "--listen", rigtest.FreeAddr(t), "--admin", host+":"+port)
		if code != exitUsage || !strings.Contains(errs, "needs a token") {
			t.Errorf("%q: exit %d\n%s%s", host, code, out, errs)
		}
		if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			_ = c.Close()
			t.Errorf("%q: somebody listens", host)
		}
	}
}

// A caller from another address than loopback gets nothing without the token, and no answer has the token in it.
func TestAdminFromOutside(t *testing.T) {
	const token = "S3cret-of-the-operators"
	_, port, _ := net.SplitHostPort(rigtest.FreeAddr(t))
	from := net.JoinHostPort(outside(t).String(), port)
	edge := runEdge(t, rigtest.Options{Admin: "127.0.0.1:" + port, Args: []string{"--admin", "0.0.0.0:" + port},
		Env: []string{"SPIKE_ADMIN_TOKEN=" + token}})
	said := ""
	for auth, want := range map[string]int{
		"": 401, "Bearer": 401, "Bearer " + token + "x": 401, "Bearer " + token[1:]: 401, "Basic " + token: 401,
		"Bearer " + token: 200} {
		for _, path := range []string{"/metrics", "/api/v1/sales", "/debug/pprof/heap?debug=1", "/api/v1/sales/ticket/audit"} {
			status, body := ask(t, "GET", from, path, "edge.example", auth)
			if status != want {
				t.Errorf("%s with %q: %d", path, auth, status)
			}
			said += body
		}
		if status, _ := ask(t, "POST", from, "/api/v1/sales/ticket/pause?wait=0s", "", auth); status != want {
			t.Errorf("pause with %q: %d", auth, status)
		}
	}
	edge.stop(t)
	if log := edge.Output(); strings.Contains(log+said, token) || !strings.Contains(log, "paused") {
		t.Errorf("the token is told, or nothing at all:\n%s", log)
	}
}

// A foreign name that resolves to loopback must not reach the listener of edges or of order workers.
func TestAdminUnderAnotherName(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	edge := startEdge(t, "--redis", redis.addr)
	orders := startOrders(t, "--redis", redis.addr, "--db", "sqlite:"+filepath.Join(t.TempDir(), "orders.db"))
	for _, addr := range []string{edge.admin, orders.admin} {
		for host, want := range map[string]int{
			addr: 200, "localhost": 200, "evil.example": 403, "evil.example:3007": 403, "127.0.0.1.evil.example": 403,
		} {
			if status, body := ask(t, "GET", addr, "/metrics", host, ""); status != want {
				t.Errorf("%s under %s: %d %.60s", addr, host, status, body)
			}
		}
	}
}
