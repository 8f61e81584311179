package edge

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"spike/edge/listener"
	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// FuzzUnits: n is read as a person reads it, as net/url would, or not at all.
func FuzzUnits(f *testing.F) {
	for _, seed := range []string{"", "n=1", "n=100", "n=101", "n=0", "n=-1", "n=+1", "n=1e1", "n=%31", "n=%00", "n=1&n=2", "N=1",
		"m=1", "n", "n=", "n=٣", "n=1.0",
		"n=0x1", "n= 1", "n=1;n=2", "&&n=7&", "%6e=5", "n[]=1", "n=001", "n=0001"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		var args fasthttp.Args
		args.Parse(query)
		n, bad := valid(units(&args))
		ok, text := bad == nil, string(args.Peek("n"))
		want, err := strconv.ParseUint(text, 10, 32)
		switch {
		case ok && (n < 1 || n > ledger.MaxUnits):
			t.Errorf("%q: %d", query, n)
		case !args.Has("n") && (!ok || n != 1):
			t.Errorf("%q: %d %v", query, n, ok)
		case args.Has("n") && ok && (err != nil || uint32(want) != n):
			t.Errorf("%q: %d of %q", query, n, text)
		}
		if asked, err := url.ParseQuery(query); err == nil && ok && len(asked["n"]) > 0 && asked["n"][0] != text {
			t.Errorf("%q: %q, net/url reads %q", query, text, asked["n"])
		}
	})
}

// FuzzBody: a body is one JSON object with a whole number, or it is refused. The number is the one that encoding/json reads
// without our rules.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{`{"n":2}`, `{}`, `{"n":null}`, `{"n":1.0}`, `{"n":1e2}`, `{"n":"2"}`, `{"n":2,"n":3}`, `{"N":2}`,
		`{"n":2}{}`, `[]`, `2`, `null`,
		`{"n":9223372036854775808}`, ` {"n":-1} `, "{\"n\":2}\x00", `{"n":2,"m":3}`, strings.Repeat("[", 9000),
		`{"n":` + strings.Repeat("1", 400) + `}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := decodeBody(body)
		if err != nil {
			if n != 0 {
				t.Errorf("%q: %d and %v", body, n, err)
			}
			return
		}
		var plain struct{ N *int64 }
		if err := json.Unmarshal(body, &plain); err != nil {
			t.Errorf("%q is %d, and no JSON: %v", body, n, err)
		} else if want := plain.N; want == nil && n != 1 || want != nil && n != *want {
			t.Errorf("%q: %d", body, n)
		}
	})
}

// FuzzRequests: for any bytes on a connection there are as many answers as requests that were read. Each answer is whole, and
// none is 500. The answers name all units that were sold. No more units are sold than the bytes have separate buys.
func FuzzRequests(f *testing.F) {
	const end = "\r\nHost: a\r\n\r\n"
	for _, seed := range []string{"GET /buy/ticket HTTP/1.1" + end,
		"POST /v1/sales/ticket/reservations HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n{\"n\":2}",
		"GET /buy/ticket?n=2 HTTP/1.1" + end + "GET /v1/sales/ticket HTTP/1.1" + end,
		"GET /v1/reservations/" + strings.Repeat("A", 84) + " HTTP/1.1" + end,
		"POST /buy/ticket HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
		"GET /buy/ticket HTTP/1.0\r\n\r\n",
		"GET /buy/ticket HTTP/1.1\r\nHost: a\r\nX-Buyer-Id: ann\r\nIdempotency-Key: " + strings.Repeat("k", 22) + "\r\n\r\n",
		"GET /openapi.yaml HTTP/1.1" + end,
		"HEAD /buy/ticket HTTP/1.1" + end, "POST /buy/ticket HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na",
		"\x16\x03\x01\x02"} {
		f.Add([]byte(seed))
	}
	cfg := testConfig()
	store := memory.New(cfg.Bounds, time.Now)
	if _, err := store.Create(f.Context(), "ticket", ledger.CreateRequest{Total: ledger.MaxSerial}); err != nil {
		f.Fatal(err)
	}
	s := testServer(f, cfg, store)
	f.Fuzz(func(t *testing.T, sent []byte) {
		in := bufio.NewReaderSize(bytes.NewReader(sent), listener.MaxHeader)
		won, begun := 0, bytes.Count(bytes.ToLower(sent), []byte("/buy/"))+bytes.Count(bytes.ToLower(sent), []byte("/reservations"))
		for range 100 {
			ctx := &fasthttp.RequestCtx{}
			ctx.Init(&ctx.Request, peerAt("127.0.0.1:1"), nil)
			if err := ctx.Request.ReadLimitBody(in, listener.MaxBody); err != nil {
				break
			}
			s.handle(ctx)
			if status := ctx.Response.StatusCode(); status < 200 || status >= 500 && status != 503 {
				t.Errorf("%q: %d", sent, status)
			}
			if bytes.Contains(ctx.Response.Body(), []byte(`"serial":`)) {
				won++
			}
			var out bytes.Buffer
			w := bufio.NewWriter(&out)
			if err := errors.Join(ctx.Response.Write(w), w.Flush()); err != nil {
				t.Errorf("%q: %v", sent, err)
			}
			wholeAnswer(t, sent, ctx.Request.Header.IsHead(), &out)
		}
		if won > begun && !bytes.Contains(sent, []byte("%")) {
			t.Errorf("%q: %d won of %d asked for", sent, won, begun)
		}
	})
}

// wholeAnswer reads an answer as a client does. Nothing is left over, and no header came from the request's bytes.
func wholeAnswer(t *testing.T, sent []byte, head bool, out *bytes.Buffer) {
	t.Helper()
	q := &http.Request{Method: http.MethodGet}
	if head {
		q.Method = http.MethodHead
	}
	text := out.String()
	in := bufio.NewReader(out)
	r, err := http.ReadResponse(in, q)
	if err != nil {
		t.Fatalf("%q: %v in %q", sent, err, text)
	}
	defer func() { _ = r.Body.Close() }()
	if _, err = io.ReadAll(r.Body); err != nil || in.Buffered() > 0 && !head {
		t.Errorf("%q: %v, %d bytes over in %q", sent, err, in.Buffered(), text)
	}
	for name := range r.Header {
		if !slices.Contains([]string{"Content-Type", "Content-Length", "Date", "Server", "Retry-After", "Allow", "Cache-Control",
			"Etag",
			"Www-Authenticate", "Connection", "Age", "Vary", "Location"}, name) {
			t.Errorf("%q: header %q in %q", sent, name, text)
		}
	}
}

// FuzzOperatorsBodies: a body with known fields in their ranges does what it says. Any other body does nothing, and the answer
// names the field that is wrong.
func FuzzOperatorsBodies(f *testing.F) {
	for _, seed := range []string{`{"sale":"a","total":5}`,
		`{"sale":"a","total":5,"hold":"1m","limit_per_buyer":2,"opens":"2031-01-01T00:00:00Z"}`, `{"n":3,"request_id":"1"}`,
		`{"sale":"a","total":1e3}`, `{"sale":"a","total":5,"hold":"9999999h"}`, `{"sale":"../a","total":5}`, `{"sale":"a","total":-0}`,
		`{"sale":"a","TOTAL":5}`, `{`, `[]`,
		`{"sale":"a","total":5,"closes":"0000-01-01T00:00:00Z"}`, `{"sale":"a","total":5,"opens":"9999-12-31T23:59:59Z"}`,
		`{"n":18446744073709551615,"request_id":"` + "\u0000" + `"}`} {
		for i := range byte(5) {
			f.Add(i, seed)
		}
	}
	f.Fuzz(func(t *testing.T, where byte, body string) {
		store := memory.New(ledger.DefaultBounds(), time.Now)
		if _, err := store.Create(t.Context(), "ticket", ledger.CreateRequest{Total: 10}); err != nil {
			t.Fatal(err)
		}
		at := []string{"/api/v1/sales", "/api/v1/sales/ticket/add", "/api/v1/sales/ticket/pause?wait=0s", "/api/v1/sales/ticket/resume",
			"/api/v1/reservations/x/confirm"}[where%5]
		r := httptest.NewRequest(http.MethodPost, at, strings.NewReader(body))
		r.Host = "localhost"
		w := httptest.NewRecorder()
		testServer(t, testConfig(), store).operators().Handler().ServeHTTP(w, r)
		if w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %q: %d %s", at, body, w.Code, w.Body)
		}
		names, _ := store.List(t.Context())
		shown, err := store.Show(t.Context(), "ticket")
		if err != nil || w.Code >= 400 && (len(names) != 1 || shown.Total != 10) || w.Code == 201 && len(names) != 2 {
			t.Errorf("%s %q: %d, and there are %v, %d units, %v", at, body, w.Code, names, shown.Total, err)
		}
		for _, name := range names {
			checkMade(t, store, body, name)
		}
	})
}

// checkMade checks what the interface promises about every sale.
func checkMade(t *testing.T, store ledger.Store, body, name string) {
	t.Helper()
	shown, err := store.Show(t.Context(), name)
	if err != nil || ledger.CheckName(name) != nil || shown.Total < 1 || shown.Total > ledger.MaxSerial ||
		shown.Free != shown.Total ||
		shown.Hold < 0 || shown.Hold > ledger.MaxHold.Microseconds() || shown.Limit > ledger.MaxLimit {
		t.Errorf("%q made %q: %+v %v", body, name, shown, err)
	}
}
