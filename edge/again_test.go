package edge

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"spike/edge/answer"
	"spike/edge/internal/storetest"
)

var retryLine = regexp.MustCompile(`\r\nRetry-After: (\d+)\r\n`)

// Those who hear "none now" or "paused" are sent away for different times, by fasthttp and on the fast path alike. A problem says
// the same in its body.
func TestRetryAfterSpreads(t *testing.T) {
	const least, most, buys = 2, 5, 200
	cfg := testConfig()
	cfg.Again = answer.Spread{Least: least, Most: most}
	s := plainWorld(t, cfg)
	ask(s, "GET", "/buy/held")
	for _, c := range []struct {
		name string
		says func() string
	}{
		{"none now", func() string { return ask(s, "GET", "/buy/held").Response.String() }},
		{"paused", func() string { return ask(s, "GET", "/buy/paused").Response.String() }},
		{"none now, v1", func() string { return ask(s, "POST", "/v1/sales/held/reservations").Response.String() }},
		{"paused, fast path", func() string {
			_, said := s.answerPlain(near, []byte("POST /buy/paused HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"), nil)
			return string(said)
		}},
	} {
		heard := map[int]int{}
		for range buys {
			said := c.says()
			m := retryLine.FindStringSubmatch(said)
			if m == nil {
				t.Fatalf("%s: %s", c.name, said)
			}
			seconds, _ := strconv.Atoi(m[1])
			heard[seconds]++
			if strings.Contains(said, "problem") && !strings.Contains(said, fmt.Sprintf(`"retry_after_ms":%d000`, seconds)) {
				t.Errorf("%s: %s", c.name, said)
			}
		}
		for seconds := least; seconds <= most; seconds++ { // of 200, a quarter each
			if heard[seconds] == 0 {
				t.Errorf("%s: nobody waits %d s: %v", c.name, seconds, heard)
			}
			delete(heard, seconds)
		}
		if len(heard) > 0 {
			t.Errorf("%s: beyond the range: %v", c.name, heard)
		}
	}
}

// If buys go by POST alone, no way of a GET buys: not the raw line, not the decoded path, not the fast path.
func TestBuyByPost(t *testing.T) {
	cfg := testConfig()
	cfg.BuyByPost = true
	s := testServer(t, cfg, storetest.Embedded(t, 10, 0))
	ask(s, "POST", "/buy/ticket")
	for _, uri := range []string{"/buy/ticket", "/buy/ticket?n=2", "/b%75y/ticket", "/buy/none"} {
		for _, method := range []string{"GET", "HEAD"} {
			a := &ask(s, method, uri).Response
			if a.StatusCode() != http.StatusMethodNotAllowed || string(a.Header.Peek("Allow")) != "POST" {
				t.Errorf("%s %s: %s", method, uri, a)
			}
		}
	}
	const rest = " /buy/ticket HTTP/1.1\r\nHost: a\r\n\r\n"
	if used, said := s.answerPlain(near, []byte("GET"+rest), nil); used != 0 || len(said) > 0 {
		t.Errorf("the fast path says %q", said)
	}
	if _, said := s.answerPlain(near, []byte("POST"+rest), nil); !bytes.Contains(said, []byte(`{"code":1,`)) {
		t.Errorf("the fast path says %q", said)
	}
	for _, uri := range []string{"/v1/sales/ticket", "/openapi.yaml"} {
		if a := &ask(s, "GET", uri).Response; a.StatusCode() != http.StatusOK {
			t.Errorf("GET %s: %s", uri, a)
		}
	}
	if a, err := s.store.Audit(t.Context(), "ticket"); err != nil || a.Total-a.Free-a.Leased > 2 {
		t.Errorf("%+v %v: two were bought", a, err)
	}
}

// Row D9: on every path that openapi.yaml has for buyers, a page of an allowed site may ask, and may read the answer.
func TestD9EveryBuyersPath(t *testing.T) {
	const site = "https://shop.example"
	cfg := testConfig()
	cfg.Origins = []string{site}
	s := testServer(t, cfg, storetest.Embedded(t, 10, 0))
	doc, err := openapi3.NewLoader().LoadFromData(openapi)
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.Tags[0] != "buyers" {
				continue
			}
			tried++
			uri := strings.NewReplacer("{sale}", "ticket", "{token}", "x").Replace(path)
			for _, try := range []string{"OPTIONS", method} {
				ctx := buyer(uri)
				ctx.Request.Header.SetMethod(try)
				ctx.Request.Header.Set("Origin", site)
				ctx.Request.Header.Set("Access-Control-Request-Method", method)
				s.handle(ctx)
				h := &ctx.Response.Header
				methods := string(h.Peek("Access-Control-Allow-Methods"))
				if string(h.Peek("Access-Control-Allow-Origin")) != site || try == "OPTIONS" && !strings.Contains(methods, method) {
					t.Errorf("%s %s: %s", try, uri, &ctx.Response)
				}
			}
		}
	}
	if tried < 8 {
		t.Errorf("only %d operations", tried)
	}
}
