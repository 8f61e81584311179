//go:build integration

package nginx

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Those who hear the same from nginx are sent away for different times, all within the range. A problem says the same in
// its body.
func TestRetryAfterSpreads(t *testing.T) {
	t.Parallel()
	dir := gateDir(t)
	front := strings.TrimPrefix(start(t, Topology{Workers: 1, Lang: "en", GateDir: dir, RetryAfter: RetryAfter{2, 5},
		Edges: []Edge{{refusedAddrs(1)[0], 1}}}, asRendered), "http://")
	setFlag(t, dir, "held", NoneNow)
	for _, r := range []struct{ method, uri, want string }{
		{http.MethodGet, "/buy/held", `200 ["application/json"] ["%d"] {"code":-1,"msg":"none left for now"}`},
		{http.MethodPost, "/v1/sales/held/reservations", `409 ["application/problem+json"] ["%d"] {"type":"about:blank",` +
			`"title":"Conflict","status":409,"code":"none_now","detail":"no unit can be had now; held ones may come back",` +
			`"retry_after_ms":%[1]d000}`},
		{http.MethodGet, "/buy/other", `503 ["application/json"] ["%d"] {"code":-5,"msg":"busy, try again"}`},
		{http.MethodPost, "/v1/sales/other/reservations", `503 ["application/problem+json"] ["%d"] {"type":"about:blank",` +
			`"title":"Service Unavailable","status":503,"code":"undecided","detail":"nobody knows whether you have one: ask again",` +
			`"retry_after_ms":%[1]d000}`},
	} {
		heard := map[string]int{}
		for range 200 {
			heard[hear(t, front, r.method, r.uri)]++
		}
		for second := 2; second <= 5; second++ {
			want := fmt.Sprintf(r.want, second)
			if heard[want] == 0 { // of 200, a quarter each
				t.Errorf("nobody hears %s", want)
			}
			delete(heard, want)
		}
		if len(heard) > 0 {
			t.Errorf("%s %s: %v", r.method, r.uri, heard)
		}
	}
}

// With buy_by_post nginx refuses a GET in an edge's words, whether the sale is flagged or not. Everything else is as before.
func TestBuyByPost(t *testing.T) {
	t.Parallel()
	dir := gateDir(t)
	setFlag(t, dir, "nowhere", SoldOut)
	front := strings.TrimPrefix(start(t, Topology{Workers: 1, Lang: "en", GateDir: dir, BuyByPost: true,
		CORSOrigins: []string{seller},
		Edges:       []Edge{{openEdge(t, "en"), 1}}}, asRendered), "http://")
	const no = `405 ["application/problem+json"] [] {"type":"about:blank","title":"Method Not Allowed","status":405,` +
		`"code":"method_not_allowed","detail":"this is POST"}`
	for _, uri := range []string{"/buy/ticket", "/buy/nowhere", "/buy/ticket?n=2", "/b%75y/ticket", "//buy/ticket"} {
		if got := hear(t, front, http.MethodGet, uri); got != no {
			t.Errorf("GET %s: %s", uri, got)
		}
	}
	for uri, want := range map[string]string{"/buy/ticket": `{"code":1,`, "/buy/nowhere": `{"code":-1,`,
		"/v1/sales/ticket/reservations": "201 "} {
		if got := hear(t, front, http.MethodPost, uri); !strings.Contains(got, want) {
			t.Errorf("POST %s: %s", uri, got)
		}
	}
	if got := hear(t, front, http.MethodGet, "/v1/sales/ticket"); !strings.HasPrefix(got, "200 ") {
		t.Errorf("the stock: %s", got)
	}
	if got := corsOf(t, front, http.MethodOptions, "/buy/ticket", "Origin: "+seller,
		"Access-Control-Request-Method: POST"); !strings.HasPrefix(got, "204") {
		t.Errorf("a page asks: %s", got)
	}
}

// nginx' access log names no token, however its path is written.
func TestAccessLogHasNoToken(t *testing.T) {
	t.Parallel()
	token := strings.Repeat("secret-", 12)
	server := newHTTPServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	file := filepath.Join(workDir(t, ""), "access.log")
	front := strings.TrimPrefix(start(t, Topology{Workers: 1, AccessLog: "access.log", Edges: []Edge{{server, 1}}},
		func(conf string) string {
			return strings.Replace(conf, "access.log spike buffer=64k flush=1s", file+" spike", 1)
		}), "http://")
	for _, uri := range []string{"/v1/reservations/" + token, "/v1/reservations/" + token + "/cancel", "/v1/%72eservations/" + token,
		"//v1//reservations/" + token + "?x=1", "/x/../v1/reservations/" + token} {
		if got := hear(t, front, http.MethodGet, uri); !strings.HasPrefix(got, "418 ") {
			t.Errorf("%s: %s", uri, got)
		}
	}
	_ = hear(t, front, http.MethodGet, "/buy/ticket?n=2")
	var text []byte
	for end := time.Now().Add(10 * time.Second); strings.Count(string(text), "\n") < 6 &&
		time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		text, _ = os.ReadFile(file)
	}
	log := string(text)
	if strings.Count(log, "\n") != 6 || strings.Contains(log, "secret") || !strings.Contains(log,
		`"GET /buy/ticket?n=2 HTTP/1.1" 418`) ||
		strings.Count(log, `"GET /v1/reservations/- HTTP/1.1" 418`) != 4 || !strings.Contains(log,
		`"GET /v1/reservations/-/cancel HTTP/1.1" 418`) {
		t.Errorf("%s", log)
	}
}
