//go:build e2e

package main

import (
	"net/http"
	"strings"
	"testing"

	"spike/bench/rig/rigtest"
	"spike/nginx"
)

// startVarnish runs a cache in front of a server, with Debian's default settings, and returns its URL.
func startVarnish(t testing.TB, behind string) string {
	t.Helper()
	addr := rigtest.FreeAddr(t)
	rigtest.Start(t, &rigtest.Process{Spec: rigtest.Spec{Name: "varnish", Path: "varnishd", Dir: t.TempDir(), Limit: patience,
		Args: []string{"-F", "-a", addr, "-b", behind, "-n", t.TempDir(), "-s", "malloc,16m", "-j", "none", "-T", "none",
			"-p", "vcc_allow_inline_c=off"},
		Addrs: []string{addr}, Probe: rigtest.Answers("http://"+addr+"/openapi.yaml", http.StatusOK)}})
	return "http://" + addr
}

// Row D2: a cache in front of an edge or of nginx keeps no answer. Each buyer gets a unit of its own, and a buyer after a
// restock hears of it.
func TestD2ACacheKeepsNothing(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	edge := startEdge(t, "--redis", redis.addr, "--lang", "en")
	for sale, front := range map[string]string{
		"edge":  startVarnish(t, edge.addr),
		"nginx": startVarnish(t, strings.TrimPrefix(startNginx(t, 1, []nginx.Edge{{Addr: edge.addr, Weight: 1}}), "http://")),
	} {
		mustSpike(t, "sale", "create", sale, "--total", "3", "--hold", "5m", "--redis", redis.addr)
		if w, _ := rigtest.Crowd(t, 3, 1, front+"/buy/"+sale); w.Count(rigtest.Won) != 3 {
			t.Fatalf("%s: %d of 3 buyers have a unit", sale, w.Count(rigtest.Won))
		}
		eventually(t, patience, "none left", func() bool {
			return rigtest.Ask(t, "GET", front+"/buy/"+sale).Word() == rigtest.NoneNow
		})
		mustSpike(t, "sale", "add", sale, "1", "--redis", redis.addr)
		eventually(t, patience, "the unit that was added", func() bool { // far less than a cache's two minutes
			return rigtest.Ask(t, "GET", front+"/buy/"+sale).Word() == rigtest.Won
		})
	}
}
