//go:build e2e

package main

import (
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"spike/bench/rig/rigtest"
)

// Row D7: a name in --sales is trimmed. An impossible name is refused, and an unknown one is named in the log.
func TestD7NamesOfSales(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	for _, sale := range []string{"a", "unit"} {
		redis.hmset(t, sale, "10")
	}
	edge := startEdge(t, "--redis", redis.addr, "--sales", " a, unit ,units")
	for sale, want := range map[string]int{"a": http.StatusOK, "unit": http.StatusOK, "units": http.StatusNotFound} {
		if status, _, body := get(t, "GET", edge.buyURL(sale)); status != want {
			t.Errorf("%s: %d %s", sale, status, body)
		}
	}
	redis.hmset(t, "units", "10")
	eventually(t, noticed, "a sale that is made later is sold", func() bool {
		status, _, _ := get(t, "GET", edge.buyURL("units"))
		return status == http.StatusOK
	})
	edge.stop(t)
	log := edge.Output()
	if strings.Count(log, "there is no such sale yet") != 1 || !strings.Contains(log, "sale=units similar=unit") {
		t.Errorf("the log does not name the missing sale, and only that:\n%s", log)
	}
	for _, names := range []string{"u*", "a,,b", "a b", ".a", ",", " ", strings.Repeat("a", 65)} {
		out, errs, code := spike(t, "serve", "--redis", redis.addr, "--listen", "127.0.0.1:0", "--admin", "", "--sales", names)
		if code != exitUsage || !strings.Contains(errs, "--sales") {
			t.Errorf("%q: exit %d %s%s", names, code, out, errs)
		}
	}
}

// Row D9: an origin that no browser sends is refused.
func TestD9OddOriginsAreRefused(t *testing.T) {
	t.Parallel()
	for _, origin := range []string{"*", "shop.example", "https://shop.example/", "https://Shop.example",
		"https://shop.example:443", "null"} {
		_, errs, code := spike(t, "serve", "--listen", "127.0.0.1:0", "--admin", "", "--cors-origins", origin)
		if code != exitUsage || !strings.Contains(errs, "--cors-origins") {
			t.Errorf("%q: exit %d %s", origin, code, errs)
		}
	}
}

// Row D20: messages for operators.
func TestD20WordsForOperators(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	create := func(args ...string) (out, errs string, code int) {
		return spike(t, append([]string{"sale", "create", "ticket", "--total", "2", "--redis", redis.addr}, args...)...)
	}
	for _, c := range []struct{ flag, value, says string }{
		{"--opens", "1m", "+10m"}, {"--opens", "tomorrow", "+10m"}, {"--closes", "2020-01-01", "+10m"},
		{"--closes", "2020-01-01T00:00:00Z", "over already"},
	} {
		out, errs, code := create(c.flag, c.value)
		if code != exitUsage || !strings.Contains(errs, c.flag) || !strings.Contains(errs, c.says) || strings.Contains(errs, "2006") {
			t.Errorf("%s %s: exit %d %s%s", c.flag, c.value, code, out, errs)
		}
	}
	if out, errs, code := create("--opens", "+5s", "--closes", "+10m"); code != 0 || !strings.Contains(out, "not open yet") {
		t.Fatalf("exit %d %s%s", code, out, errs)
	}
	edge := startEdge(t, "--redis", redis.addr, "--lang", "en")
	for sold := 0; sold < 2; {
		if edge.buy(t, "ticket").Word() == rigtest.Won {
			sold++
		}
	}
	eventually(t, patience, "a status of its own", func() bool {
		status, _, _ := get(t, "POST", "http://"+edge.addr+"/v1/sales/ticket/reservations")
		return status == http.StatusConflict
	})
	redis.hmset(t, "all", "1")
	eventually(t, patience, "sold out", func() bool {
		status, _, body := get(t, "POST", "http://"+edge.addr+"/v1/sales/all/reservations")
		return status == http.StatusGone && strings.Contains(body, "unless the operator adds some")
	})
	mustSpike(t, "sale", "add", "all", "1", "--redis", redis.addr)
	eventually(t, patience, "it sells what was added", func() bool {
		status, _, _ := get(t, "POST", "http://"+edge.addr+"/v1/sales/all/reservations")
		return status == http.StatusCreated
	})
	edge.stop(t)
	stamp := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d) [A-Z]{3} `)
	for _, line := range strings.Split(strings.TrimSpace(edge.Output()), "\n") {
		if !stamp.MatchString(line) {
			t.Errorf("the log does not say when: %s", line)
		}
	}
}

// A Redis with a password: the commands read it from a file. `spike check --requests 0` asks an edge whether it is ready, and
// buys nothing.
func TestPasswordFileAndReadiness(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	redis.do(t, "CONFIG", "SET", "requirepass", "s3cret")
	file := filepath.Join(t.TempDir(), "password")
	write(t, file, "s3cret\n")
	store := []string{"--redis", redis.addr, "--redis-password-file", file}
	mustSpike(t, append([]string{"sale", "create", "ticket", "--total", "10"}, store...)...)
	edge := startEdge(t, store...)
	mustSpike(t, append([]string{"check", "--requests", "1", "--url", edge.buyURL("ticket"), "--admin", edge.admin}, store...)...)
	ready := []string{"check", "--requests", "0", "--admin", edge.admin}
	if out := mustSpike(t, ready...); !strings.Contains(out, "is ready") {
		t.Error(out)
	}
	if _, _, text := get(t, "GET", "http://"+edge.admin+"/api/v1/sales/ticket"); !strings.Contains(text, `"pending":1,`) {
		t.Error(text)
	}
	edge.stop(t)
	if _, errs, code := spike(t, ready...); code != exitDependency {
		t.Errorf("exit %d %s", code, errs)
	}
	if _, errs, code := spike(t, "sale", "list", "--redis", redis.addr); code != exitDependency ||
		strings.Contains(errs, "s3cret") ||
		!strings.Contains(errs, "NOAUTH; it wants a password, or another one: --redis-password-file FILE") {
		t.Errorf("exit %d %s", code, errs)
	}
	write(t, file, "wr0ng\n")
	if _, errs, code := spike(t, append([]string{"sale", "list"}, store...)...); code != exitDependency ||
		strings.Contains(errs, "wr0ng") || !strings.Contains(errs, "WRONGPASS; it wants a password") {
		t.Errorf("exit %d %s", code, errs)
	}
}
