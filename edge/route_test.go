package edge

import (
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"spike/edge/internal/storetest"
	"spike/luascripts/memory"
)

func ask(s *Server, method, uri string) *fasthttp.RequestCtx {
	ctx := buyer(uri)
	ctx.Request.Header.SetMethod(method)
	s.handle(ctx)
	return ctx
}

func TestRoutes(t *testing.T) {
	s := testServer(t, testConfig(), storetest.Embedded(t, 100, 0))
	for _, c := range []struct {
		method, uri string
		status      int
		says        string
	}{
		{"GET", "/buy/ticket", 200, `"code":1,`}, {"POST", "/buy/ticket", 200, `"code":1,`},
		{"GET", "/buy/ticket?n=2", 200, `"count":2`}, {"GET", "/buy/ticket?x=1", 200, `"code":1,`},
		{"GET", "/buy/%74icket", 200, `"code":1,`}, {"GET", "http://host/buy/ticket", 200, `"code":1,`},
		{"GET", "/buy/ticket?n=0", 400, "bad_n"}, {"GET", "/buy/ticket?n=-1", 400, "bad_n"}, {"GET", "/buy/ticket?n=", 400, "bad_n"},
		{"GET", "/buy/ticket?n=1e9", 400, "bad_n"}, {"GET", "/buy/ticket?n=101", 400, "bad_n"},
		{"GET", "/buy/ticket?n=01000", 400, "bad_n"},
		{"GET", "/buy/other", 404, "no_such_sale"}, {"GET", "/buy/", 404, "no_such_sale"}, {"GET", "/buy/a/b", 404, "not_found"},
		{"GET", "/buy/.x", 404, "no_such_sale"}, {"GET", "/other", 404, "not_found"}, {"GET", "/buy/{x}", 404, "no_such_sale"},
		{"PUT", "/buy/ticket", 405, "method_not_allowed"}, {"HEAD", "/buy/ticket", 405, "method_not_allowed"},
	} {
		ctx := ask(s, c.method, c.uri)
		if got := ctx.Response.StatusCode(); got != c.status || !strings.Contains(string(ctx.Response.Body()), c.says) {
			t.Errorf("%s %s: %d %s", c.method, c.uri, got, ctx.Response.Body())
		}
		if c.status == 405 && string(ctx.Response.Header.Peek("Allow")) != "GET, POST" {
			t.Errorf("%s: no Allow", c.method)
		}
	}
}

func TestWinSaysWhatItIs(t *testing.T) {
	s := testServer(t, testConfig(), storetest.Embedded(t, 1, time.Hour))
	body := string(ask(s, "GET", "/buy/ticket").Response.Body())
	before, rest, _ := strings.Cut(body, `"reservation":"`)
	id, rest, _ := strings.Cut(rest, `","expires_in_ms":3600000,"token":"`)
	token, after, _ := strings.Cut(rest, `"`)
	if before != `{"code":1,"msg":"抢票成功","data":{"sale":"ticket","serial":1,` {
		t.Error(body)
	}
	got, err := s.signer.Parse([]byte(token))
	if err != nil || got.Reservation(got.Birth) != id || got.Serial != 1 || got.Count != 1 ||
		got.Birth != s.sales.Get([]byte("ticket")).Birth {
		t.Errorf("%+v %v", got, err)
	}
	text := strings.TrimSuffix(strings.TrimPrefix(after, `,"expires_at":"`), `"}}`)
	ends, err := time.Parse(time.RFC3339, text)
	if left := time.Until(ends); err != nil || left > time.Hour || left < time.Hour-10*time.Second {
		t.Errorf("%s: %v %v", text, left, err)
	}
	lost := ask(s, "GET", "/buy/ticket")
	if string(lost.Response.Body()) != `{"code":-1,"msg":"已售罄"}` || string(lost.Response.Header.Peek("Retry-After")) != "1" {
		t.Errorf("%s", &lost.Response)
	}
}

func TestAckRedisWaitsForTheLedger(t *testing.T) {
	cfg := testConfig()
	cfg.Ack = AckRedis
	store := storetest.Embedded(t, 50, 0)
	s := testServer(t, cfg, store)
	for i := range 50 {
		if body := ask(s, "GET", "/buy/ticket").Response.Body(); !strings.Contains(string(body), `"code":1,`) {
			t.Fatalf("buy %d: %s", i, body)
		}
		if shown, err := store.Show(t.Context(), "ticket"); err != nil || shown.Pending != uint64(i+1) {
			t.Fatalf("told before the ledger had it: %d of %d", shown.Pending, i+1)
		}
	}
}

func FuzzRoute(f *testing.F) {
	for _, uri := range []string{"/buy/ticket", "/buy/ticket?n=2", "/buy/%00", "/buy/..", "//buy/ticket", "/buy/ticket#x", "?",
		"/buy/a?n=%32&n=3",
		"/v1/sales/ticket", "/v1/sales/ticket/reservations?n=2", "/v1/reservations/x/cancel", "/v1/reservations/%2f", "/v1//"} {
		f.Add("GET", uri)
		f.Add("POST", uri)
	}
	cfg := testConfig()
	store := memory.New(cfg.Bounds, time.Now)
	s := testServer(f, cfg, store)
	f.Fuzz(func(t *testing.T, method, uri string) {
		answer := &ask(s, method, uri).Response
		status := answer.StatusCode()
		document := status == 200 && string(answer.Header.ContentType()) == yamlType
		if status < 400 && !document || status >= 500 && status != 503 {
			t.Errorf("%q %q: %d", method, uri, status)
		}
	})
}

// Row D15: n in the body of a buy in the article's way counts, or is refused.
func TestD15UnitsInABody(t *testing.T) {
	s := testServer(t, testConfig(), &shelf{left: 1 << 20})
	for _, c := range []struct {
		path, body string
		status     int
		has        string
	}{
		{"/buy/ticket", "", 200, `"serial"`}, {"/buy/ticket", "n=3", 200, `"count":3`}, {"/buy/ticket", "a=b&n=2", 200, `"count":2`},
		{"/buy/ticket", `{"n":4}`, 200, `"count":4`}, {"/buy/ticket", "n=0", 400, "bad_n"}, {"/buy/ticket", "n=x", 400, "bad_n"},
		{"/buy/ticket", `{"n":101}`, 400, "bad_n"}, {"/buy/ticket", `{"n":"2"}`, 400, "bad_n"},
		{"/buy/ticket?n=2", "n=2", 400, "bad_n"},
		{"/buy/ticket?n=2", "hello", 200, `"count":2`}, {"/buy/ticket", "hello", 200, `"serial"`},
	} {
		ctx := buyer(c.path)
		ctx.Request.Header.SetMethod("POST")
		ctx.Request.SetBodyString(c.body)
		s.serveOne(ctx)
		if got := string(ctx.Response.Body()); ctx.Response.StatusCode() != c.status || !strings.Contains(got, c.has) {
			t.Errorf("%s %q: %d %s", c.path, c.body, ctx.Response.StatusCode(), got)
		}
	}
}
