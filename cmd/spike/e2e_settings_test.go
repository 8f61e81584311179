//go:build e2e

package main

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// Row D7: a name of --sales is what it looks like, or is refused, or is named in the log.
func TestD7NamesOfSales(t *testing.T) {
	redis := startRedis(t)
	for _, sale := range []string{"a", "unit"} {
		redis.hmset(t, sale, "10", "0")
	}
	edge := startEdge(t, "--redis", redis.addr, "--sales", " a, unit ,units")
	for sale, want := range map[string]int{"a": http.StatusOK, "unit": http.StatusOK, "units": http.StatusNotFound} {
		if status, _, body := get(t, "GET", edge.buyURL(sale)); status != want {
			t.Errorf("%s: %d %s", sale, status, body)
		}
	}
	redis.hmset(t, "units", "10", "0")
	eventually(t, 5*time.Second, "a sale that is made later is sold", func() bool {
		status, _, _ := get(t, "GET", edge.buyURL("units"))
		return status == http.StatusOK
	})
	edge.stop(t)
	log := edge.log.String()
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
	for _, origin := range []string{"*", "shop.example", "https://shop.example/", "https://Shop.example", "https://shop.example:443", "null"} {
		_, errs, code := spike(t, "serve", "--listen", "127.0.0.1:0", "--admin", "", "--cors-origins", origin)
		if code != exitUsage || !strings.Contains(errs, "--cors-origins") {
			t.Errorf("%q: exit %d %s", origin, code, errs)
		}
	}
}
