package fastpath

import (
	"bufio"
	"bytes"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

const host = "Host: a.example:3005\r\n"

func TestScan(t *testing.T) {
	long := strings.Repeat("a", maxName)
	for request, plain := range map[string]bool{
		"GET /buy/ticket HTTP/1.1\r\n" + host + "\r\n":                                  true,
		"POST /buy/ticket HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n":            true,
		"GET /buy/a-b_c.D9 HTTP/1.1\r\nhOsT:10.0.0.1\r\nConnection: keep-alive\r\n\r\n": true,
		"GET /buy/ticket HTTP/1.1\r\n" + host + "X-Buyer-Id: ann\r\nX-Request-ID: 1\r\nX-Forwarded-For: 10.1.2.3, 10.0.0.1\r\n" +
			"User-Agent: a\r\nAccept: */*\r\nCookie: a=b; c=\"d\"\r\nIf-None-Match: \"e\"\r\n\r\n": true,
		"GET /buy/ticket HTTP/1.1\r\n" + host + "Idempotency-Key: aaaaaaaaaaaaaaaaaaaaaa\r\n\r\n":       true,
		"GET /buy/ticket HTTP/1.1\r\n" + host + "X-Buyer-Id: ann\r\nidempotency-key:  \"a b\" \r\n\r\n": true,

		"":                                    false,
		"GET /buy/ticket HTTP/1.1\r\n":        false,
		"GET /buy/ticket HTTP/1.1\r\n\r\n":    false, // no Host
		"GET /buy/ticket HTTP/1.1\r\n" + host: false,
		"GET /buy/ticket HTTP/1.1\r\n" + host + host + "\r\n":                                          false,
		"GET /buy/ticket HTTP/1.0\r\n" + host + "\r\n":                                                 false,
		"HEAD /buy/ticket HTTP/1.1\r\n" + host + "\r\n":                                                false,
		"get /buy/ticket HTTP/1.1\r\n" + host + "\r\n":                                                 false,
		"GET  /buy/ticket HTTP/1.1\r\n" + host + "\r\n":                                                false,
		"GET /buy/ticket  HTTP/1.1\r\n" + host + "\r\n":                                                false,
		"GET /buy/ HTTP/1.1\r\n" + host + "\r\n":                                                       false,
		"GET /buy/ticket?n=2 HTTP/1.1\r\n" + host + "\r\n":                                             false,
		"GET /buy/tick%65t HTTP/1.1\r\n" + host + "\r\n":                                               false,
		"GET /buy/../ticket HTTP/1.1\r\n" + host + "\r\n":                                              false,
		"GET http://a/buy/ticket HTTP/1.1\r\n" + host + "\r\n":                                         false,
		"\r\nGET /buy/ticket HTTP/1.1\r\n" + host + "\r\n":                                             false,
		"GET /buy/ticket HTTP/1.1\n" + host + "\r\n":                                                   false,
		"GET /buy/ticket HTTP/1.1\r\nHost: a\n\r\n":                                                    false,
		"GET /buy/ticket HTTP/1.1\r\n" + host + "\n":                                                   false,
		"GET /buy/ticket HTTP/1.1\r\nHost:\r\n\r\n":                                                    false,
		"GET /buy/ticket HTTP/1.1\r\nHost : a\r\n\r\n":                                                 false,
		"GET /buy/ticket HTTP/1.1\r\nHost: a b\r\n\r\n":                                                false,
		"GET /buy/ticket HTTP/1.1\r\nHost: a:\r\n\r\n":                                                 false,
		"GET /buy/ticket HTTP/1.1\r\nHost: a/b\r\n\r\n":                                                false,
		"GET /buy/ticket HTTP/1.1\r\n" + host + " folded\r\n\r\n":                                      false,
		"GET /buy/ticket HTTP/1.1\r\n" + host + ": b\r\n\r\n":                                          false,
		"GET /buy/ticket HTTP/1.1\r\n" + host + "Accept: \x00\r\n\r\n":                                 false,
		"GET /buy/ticket HTTP/1.1\r\n" + host + "Accept: \x80\r\n\r\n":                                 false,
		"GET /buy/ticket HTTP/1.1\r\n" + host + "Accept: a\rb\r\n\r\n":                                 false,
		"GET /buy/ticket HTTP/1.1\r\n" + host + "Unheard-Of: 1\r\n\r\n":                                false,
		"GET /buy/ticket HTTP/1.1\r\n" + host + long + "a: 1\r\n\r\n":                                  false,
		"GET /buy/ticket HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n":                            false,
		"GET /buy/ticket HTTP/1.1\r\n" + host + "Connection: keep-alive, upgrade\r\n\r\n":              false,
		"GET /buy/ticket HTTP/1.1\r\n" + host + "Upgrade: h2c\r\n\r\n":                                 false,
		"GET /buy/ticket HTTP/1.1\r\n" + host + "Expect: 100-continue\r\n\r\n":                         false,
		"GET /buy/ticket HTTP/1.1\r\n" + host + "TE: trailers\r\n\r\n":                                 false,
		"GET /buy/ticket HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n":                   false,
		"POST /buy/ticket HTTP/1.1\r\n" + host + "Content-Length: 1\r\n\r\na":                          false,
		"POST /buy/ticket HTTP/1.1\r\n" + host + "Content-Length: +0\r\n\r\n":                          false,
		"POST /buy/ticket HTTP/1.1\r\n" + host + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n":      false,
		"GET /buy/ticket HTTP/1.1\r\n" + host + "Authorization: Bearer a\r\n\r\n":                      false,
		"GET /buy/ticket HTTP/1.1\r\n" + host + "Idempotency-Key:\r\n\r\n":                             false,
		"GET /buy/ticket HTTP/1.1\r\n" + host + "Idempotency-Key: a\tb\r\n\r\n":                        false,
		"GET /buy/ticket HTTP/1.1\r\n" + host + "Idempotency-Key: a\r\nIdempotency-Key: a\r\n\r\n":     false,
		"GET /buy/ticket HTTP/1.1\r\n" + host + "Origin: http://a\r\n\r\n":                             false,
		"GET /buy/ticket HTTP/1.1\r\n" + host + "X-Buyer-Id:\r\n\r\n":                                  false,
		"GET /buy/ticket HTTP/1.1\r\n" + host + "X-Buyer-Id: a\r\nX-Buyer-Id: a\r\n\r\n":               false,
		"GET /buy/ticket HTTP/1.1\r\n" + host + "X-Buyer-Id: " + strings.Repeat("a", 257) + "\r\n\r\n": false,
	} {
		var q Request
		got := q.Scan([]byte(request + "GET"))
		if got != plain || got && (q.Size != len(request) || (q.Buyer != nil) != strings.Contains(request, "X-Buyer-Id") ||
			(q.Key != nil) != strings.Contains(strings.ToLower(request), "idempotency-key")) {
			t.Errorf("%q: %v %+v, want %v", request, got, q, plain)
		}
		for cut := range request { // a request that is not whole is not plain
			if new(Request).Scan([]byte(request[:cut])) {
				t.Errorf("%q is plain", request[:cut])
			}
		}
	}
}

func TestScanAllocatesNothing(t *testing.T) {
	request := []byte("GET /buy/ticket HTTP/1.1\r\n" + host + "X-Buyer-Id: ann\r\nIdempotency-Key: a\r\nAccept: */*\r\n\r\n")
	if n := testing.AllocsPerRun(1000, func() { var q Request; q.Scan(request) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzScan: fasthttp reads a plain buy in the same way: method, path, host, no body, a connection that stays open, and its
// length.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{"GET /buy/ticket HTTP/1.1\r\n" + host + "\r\n",
		"POST /buy/ticket HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\nGET /",
		"GET /buy/t HTTP/1.1\r\nHost:a\r\nConnection: keep-alive\r\nX-Buyer-Id: ann\r\nUser-Agent: a\r\nAccept: */*\r\n\r\n",
		"POST /buy/t HTTP/1.1\r\nHost:a\r\nIdempotency-Key: \"a b\"\r\nX-Buyer-Id: ann\r\nX-Request-ID: 1\r\n\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var q Request
		plain := q.Scan(b)
		if !plain {
			return
		}
		in := bufio.NewReaderSize(bytes.NewReader(b), 8<<10)
		var r fasthttp.Request
		if err := r.ReadLimitBody(in, 16<<10); err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		h := &r.Header
		if rest := in.Buffered() + len(b) - min(len(b), 8<<10); len(b)-q.Size != rest {
			t.Errorf("%q: %d bytes, fasthttp leaves %d of %d", b, q.Size, rest, len(b))
		}
		if !h.IsGet() && !h.IsPost() || string(r.RequestURI()) != "/buy/"+string(q.Sale) ||
			string(r.URI().Path()) != "/buy/"+string(q.Sale) ||
			len(r.Host()) == 0 || len(r.Body()) != 0 || h.ConnectionClose() || !h.IsHTTP11() || r.MayContinue() ||
			string(h.Peek("X-Buyer-Id")) != string(q.Buyer) || string(h.Peek("Idempotency-Key")) != string(q.Key) {
			t.Errorf("%q: %+v is, to fasthttp, %s", b, q, &r)
		}
	})
}
