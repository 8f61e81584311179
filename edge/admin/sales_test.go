package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"spike/edge/internal/storetest"
	"spike/edge/listener"
	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// operator is the operators' side of an edge.
type operator struct{ http.Handler }

func newOperator(store ledger.Store) operator {
	side := &Side{Store: store, Log: zerolog.Nop(), Document: http.NotFoundHandler(), Metrics: prometheus.NewRegistry(),
		Ready: func(context.Context) string { return "" }}
	return operator{side.Handler()}
}

// does sends a request and reads the answer.
func (o operator) does(method, uri, body string) (status int, says map[string]any) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, uri, strings.NewReader(body))
	r.Host = "localhost:3006"
	o.ServeHTTP(w, r)
	_ = json.Unmarshal(w.Body.Bytes(), &says)
	return w.Code, says
}

func TestOperatorsWrites(t *testing.T) {
	store := storetest.Embedded(t, 10, time.Minute)
	o := newOperator(store)
	for _, step := range []struct {
		method, uri, body string
		status            int
		says              map[string]any
	}{
		{"POST", "/api/v1/sales", `{"sale":"a","total":5}`, 201,
			map[string]any{"state": "open", "free": 5.0, "hold": "5m0s", "limit_per_buyer": nil, "outstanding": 0.0}},
		{"POST", "/api/v1/sales", `{"sale":"b","total":5,"hold":"0s","limit_per_buyer":2,` +
			`"opens":"2031-01-01T00:00:00Z","closes":"2031-01-02T00:00:00+01:00"}`, 201,
			map[string]any{"state": "not open yet", "hold": "0s", "opens": "2031-01-01T00:00:00Z", "closes": "2031-01-01T23:00:00Z"}},
		{"POST", "/api/v1/sales", `{"sale":"a","total":5}`, 409, map[string]any{"code": "exists"}},
		{"POST", "/api/v1/sales/a/add", `{"n":3,"request_id":"1"}`, 200, map[string]any{"total": 8.0}},
		{"POST", "/api/v1/sales/a/add", `{"n":3,"request_id":"1"}`, 200, map[string]any{"total": 8.0}},
		{"POST", "/api/v1/sales/a/add", `{"n":4294967294,"request_id":"2"}`, 409, map[string]any{"code": "toomany"}},
		{"POST", "/api/v1/sales/a/pause", "", 200, map[string]any{"state": "paused", "settled": true, "outstanding": 0.0}},
		{"POST", "/api/v1/sales/a/resume", "", 200, map[string]any{"state": "open", "settled": nil}},
		{"POST", "/api/v1/sales/a/close?wait=1s", "", 200, map[string]any{"state": "closed", "settled": true}},
		{"POST", "/api/v1/sales/a/close", "", 200, map[string]any{"state": "closed"}},
		{"POST", "/api/v1/sales/a/resume", "", 409, map[string]any{"code": "closed"}},
		{"POST", "/api/v1/sales/a/pause", "", 409, map[string]any{"code": "closed"}},
		{"POST", "/api/v1/sales/none/pause", "", 404, map[string]any{"code": "no_such_sale"}},
		{"DELETE", "/api/v1/sales/a", "", 400, map[string]any{"code": "bad_request",
			"detail": "yes: this forgets who owns what: say ?yes=true"}},
		{"DELETE", "/api/v1/sales/a?yes=true", "", 200, map[string]any{"sale": "a", "state": "closed", "total": 8.0}},
		{"DELETE", "/api/v1/sales/a?yes=true", "", 404, map[string]any{"code": "no_such_sale"}},
		{"PUT", "/api/v1/sales/b", "", 405, map[string]any{"code": "method_not_allowed"}},
		{"GET", "/api/v2", "", 404, map[string]any{"code": "not_found"}},
	} {
		status, says := o.does(step.method, step.uri, step.body)
		if status != step.status {
			t.Errorf("%s %s %s: %d %v", step.method, step.uri, step.body, status, says)
		}
		for k, want := range step.says {
			if says[k] != want {
				t.Errorf("%s %s: %s is %v, want %v", step.method, step.uri, k, says[k], want)
			}
		}
	}
	if names, _ := store.List(t.Context()); strings.Join(names, " ") != "b ticket" {
		t.Errorf("left: %v", names)
	}
}

// A refused request names the field, and changes nothing.
func TestBadRequestsNameTheField(t *testing.T) {
	store := storetest.Embedded(t, 10, time.Minute)
	o := newOperator(store)
	const create, add = "/api/v1/sales", "/api/v1/sales/ticket/add"
	for _, c := range []struct{ uri, body, field string }{
		{"/api/v1/sales", `{"sale":"x","total":1,"shuffle":"5"}`, "shuffle"},
		{"/api/v1/sales", `{"sale":"x","total":1,"shuffle":"-5s"}`, "shuffle"},
		{"/api/v1/sales", `{"sale":"x","total":1,"shuffle":"61m"}`, "shuffle"},
		{"/api/v1/sales", `{"sale":"x","total":1,"shuffle":"5s","opens":"2001-01-01T00:00:00Z"}`, "shuffle"},
		{"/api/v1/sales", `{"sale":"x","total":1,"shuffle":"5s","shuffle_seed":"abc"}`, "shuffle_seed"},
		{"/api/v1/sales", `{"sale":"x","total":1,"shuffle_seed":"0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"}`, "shuffle_seed"},
		{"/api/v1/sales", `{"sale":"x","total":1,"shuffle":"5s","opens":"2031-01-01T00:00:00Z","closes":"2031-01-01T00:00:04Z"}`,
			"closes"},
		{create, `{"sale":"","total":5}`, "sale"}, {create, `{"total":5}`, "sale"}, {create, `{"sale":"a/b","total":5}`, "sale"},
		{create, `{"sale":"x"}`, "total"}, {create, `{"sale":"x","total":0}`, "total"}, {create, `{"sale":"x","total":-1}`, "total"},
		{create, `{"sale":"x","total":1.5}`, "total"}, {create, `{"sale":"x","total":"5"}`, "total"},
		{create, `{"sale":"x","total":4294967295}`, "total"},
		{create, `{"sale":"x","total":1,"hold":"soon"}`, "hold"}, {create, `{"sale":"x","total":1,"hold":"-1s"}`, "hold"},
		{create, `{"sale":"x","total":1,"hold":"999ms"}`, "hold"}, {create, `{"sale":"x","total":1,"hold":""}`, "hold"},
		{create, `{"sale":"x","total":1,"hold":5}`, "hold"},
		{create, `{"sale":"x","total":1,"limit_per_buyer":101}`, "limit_per_buyer"},
		{create, `{"sale":"x","total":1,"limit_per_buyer":-1}`, "limit_per_buyer"},
		{create, `{"sale":"x","total":1,"opens":"today"}`, "opens"}, {create, `{"sale":"x","total":1,"closes":"2031-01-01"}`, "closes"},
		{create, `{"sale":"x","total":1,"opens":"2031-01-01T00:00:00Z","closes":"2031-01-01T00:00:00Z"}`, "closes"},
		{create, `{"sale":"x","total":1,"price":5}`, "price"}, {create, `{"sale":"x","total":1} {}`, "body"}, {create, `[]`, "body"},
		{create, ``, "body"}, {create, `{"sale":"x","total":1`, "body"}, {create, `"x"`, "body"},
		{add, `{"request_id":"1"}`, "n"}, {add, `{"n":0,"request_id":"1"}`, "n"}, {add, `{"n":4294967295,"request_id":"1"}`, "n"},
		{add, `{"n":1e99,"request_id":"1"}`, "n"},
		{add, `{"n":1}`, "request_id"}, {add, `{"n":1,"request_id":"` + strings.Repeat("x", 65) + `"}`, "request_id"},
		{add, `{"n":1,"request_id":"1","more":1}`, "more"},
		{"/api/v1/sales/ticket/pause?wait=long", "", "wait"}, {"/api/v1/sales/ticket/close?wait=-1s", "", "wait"},
	} {
		status, says := o.does("POST", c.uri, c.body)
		detail, _ := says["detail"].(string)
		if status != 400 || says["code"] != "bad_request" || !strings.HasPrefix(detail, c.field+": ") {
			t.Errorf("%s %s: %d %v", c.uri, c.body, status, says)
		}
	}
	if status, says := o.does("POST", create, `{"sale":"`+strings.Repeat("x", listener.MaxBody)+`"}`); status != 413 ||
		says["code"] != "body_too_large" {
		t.Errorf("%d %v", status, says)
	}
	names, _ := store.List(t.Context())
	if shown, err := store.Show(t.Context(), "ticket"); err != nil || shown.Total != 10 || shown.State != ledger.Open ||
		len(names) != 1 {
		t.Errorf("%+v %v %v", shown, err, names)
	}
}

// Row D20: a sale that would be closed from the beginning is not made.
func TestD20SaleThatIsOverIsNotMade(t *testing.T) {
	store := storetest.Embedded(t, 10, time.Minute)
	o := newOperator(store)
	status, says := o.does("POST", "/api/v1/sales", `{"sale":"x","total":1,"closes":"2020-01-01T00:00:00Z"}`)
	if detail, _ := says["detail"].(string); status != 400 || detail != "closes: is over already" {
		t.Errorf("%d %v", status, says)
	}
	if _, err := store.Show(t.Context(), "x"); !errors.Is(err, ledger.ErrNoSale) {
		t.Errorf("it is there: %v", err)
	}
}

// Another site's page in an operator's browser must not close sales.
func TestOtherSitesCannotWrite(t *testing.T) {
	o := newOperator(storetest.Embedded(t, 10, time.Minute))
	for origin, want := range map[string]int{"": 200, "http://localhost:3006": 200, "http://evil.example": 403, "null": 403} {
		for header, value := range map[string]string{"Origin": origin,
			"Sec-Fetch-Site": map[bool]string{true: "same-origin", false: "cross-site"}[want == 200]} {
			r := httptest.NewRequest(http.MethodPost, "/api/v1/sales/ticket/resume", nil)
			r.Host = "localhost:3006"
			if value != "" {
				r.Header.Set(header, value)
			}
			w := httptest.NewRecorder()
			o.ServeHTTP(w, r)
			if w.Code != want || want == 403 && !strings.Contains(w.Body.String(), `"code":"cross_origin"`) {
				t.Errorf("%s %q: %d %s", header, value, w.Code, w.Body)
			}
		}
	}
}

// A page may not read or write here under a name of its own that points to this machine.
func TestOtherNamesAreRefused(t *testing.T) {
	o := newOperator(storetest.Embedded(t, 10, time.Minute))
	for host, want := range map[string]int{"127.0.0.1:3006": 200, "127.0.0.1": 200, "[::1]:3006": 200, "localhost": 200,
		"evil.example:3006": 403, "127.0.0.1.evil.example": 403, "localhost.evil.example:3006": 403, "10.0.0.1:3006": 403, "": 403} {
		r := httptest.NewRequest(http.MethodGet, "/api/v1/sales", nil)
		r.Host = host
		w := httptest.NewRecorder()
		o.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%q: %d, want %d", host, w.Code, want)
		}
	}
}

// A sale whose hash makes no sense can still be removed, and then be made again.
func TestOddSaleCanBeRemoved(t *testing.T) {
	w := &storetest.Watched{Store: storetest.Embedded(t, 10, time.Minute)}
	o := newOperator(w)
	odd := "ticket"
	w.Refuses.Store(&odd)
	if status, says := o.does("DELETE", "/api/v1/sales/ticket?yes=true", ""); status != 200 ||
		says["trouble"] != "its hash makes no sense" {
		t.Errorf("%d %v", status, says)
	}
	if names, _ := w.List(t.Context()); len(names) != 0 {
		t.Errorf("left: %v", names)
	}
}

// A sale that waits for replicas names the command for itself.
func TestTroubleNamesTheSale(t *testing.T) {
	d := Describe("gala", ledger.ShowReply{Trouble: "MISSING 1 of 2 replicas"})
	want := "1 of 2 replicas are there: nothing is acted on that the others do not have; if they are gone for good: " +
		"spike sale reopen gala --yes"
	if d.Trouble != want {
		t.Error(d.Trouble)
	}
}

func TestSilentStoreIs503(t *testing.T) {
	w := &storetest.Watched{Store: storetest.Embedded(t, 10, time.Minute)}
	w.Down.Store(true)
	status, says := newOperator(w).does("GET", "/api/v1/sales/ticket", "")
	if status != 503 || says["code"] != "store" {
		t.Errorf("%d %v", status, says)
	}
}

// leased is a sale of ten units. Four are on an edge whose lease ends in five seconds.
func leased(t *testing.T) (*storetest.Watched, ledger.Party, ledger.Grant) {
	w := &storetest.Watched{Store: memory.New(ledger.DefaultBounds(), time.Now)}
	w.Make(t, "ticket")
	p := ledger.Party{Instance: "edge", Node: "edge"}
	reply, err := w.Lease(t.Context(), "ticket", ledger.LeaseRequest{Party: p, Request: 1, Want: 4, Term: 5 * time.Second})
	if err != nil || reply.Leased != 4 {
		t.Fatalf("%+v %v", reply, err)
	}
	return w, p, reply.Grant
}

func TestShutWaitsUntilEdgesHaveGivenBack(t *testing.T) {
	for _, to := range []string{"paused", "closed"} {
		synctest.Test(t, func(t *testing.T) {
			w, party, grant := leased(t)
			time.AfterFunc(2*time.Second, func() {
				_, _ = w.GiveBack(context.Background(), "ticket", ledger.GiveBackRequest{Party: party,
					Parts: []ledger.Part{{Fence: grant.Fence, Range: grant.Ranges[0]}}})
			})
			start := time.Now()
			out, err := Shut(t.Context(), w, "ticket", to, ShutWait)
			if err != nil || !out.Settled || out.Leased+out.Limbo != 0 || out.Free != 10 || out.State.String() != to {
				t.Errorf("%+v %v", out, err)
			}
			if took := time.Since(start); took < 2*time.Second || took > 2*time.Second+shutEvery {
				t.Errorf("after %v", took)
			}
		})
	}
}

// A dead edge gives nothing back, and there may be no other edge to sweep. Its lease still runs out.
func TestShutWaitsForADeadEdgesLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, _ := leased(t)
		out, err := Shut(t.Context(), w, "ticket", "paused", ShutWait)
		if err != nil || !out.Settled || out.Leased != 0 || out.Limbo != 4 {
			t.Errorf("%+v %v", out, err)
		}
		if d := Describe("ticket", out.ShowReply); d.Outstanding != 4 {
			t.Errorf("%+v", d)
		}
	})
}

func TestShutWaitsNoLongerThanItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for wait, least := range map[time.Duration]time.Duration{0: 0, time.Second: time.Second} {
			w, _, _ := leased(t)
			start := time.Now()
			out, err := Shut(t.Context(), w, "ticket", "closed", wait)
			if err != nil || out.Settled || out.Leased != 4 || out.State != ledger.Closed || time.Since(start) != least {
				t.Errorf("wait %v: %+v %v after %v", wait, out, err, time.Since(start))
			}
		}
		w, _, _ := leased(t)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		start := time.Now()
		if out, err := Shut(ctx, w, "ticket", "closed", ShutWait); err != nil || out.Settled || time.Since(start) > time.Second {
			t.Errorf("caller gone: %+v %v after %v", out, err, time.Since(start))
		}
	})
}

// After the doors are shut, a store that is silent for a while changes nothing. A sale that is removed meanwhile is an error.
func TestShutThroughTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, _ := leased(t)
		time.AfterFunc(time.Second, func() { w.Down.Store(true) })
		time.AfterFunc(20*time.Second, func() { w.Down.Store(false) })
		if out, err := Shut(t.Context(), w, "ticket", "paused", ShutWait); err != nil || !out.Settled {
			t.Errorf("%+v %v", out, err)
		}
		w, _, _ = leased(t)
		time.AfterFunc(time.Second, func() { _ = w.Remove(context.Background(), "ticket") })
		if _, err := Shut(t.Context(), w, "ticket", "paused", ShutWait); !errors.Is(err, ledger.ErrNoSale) {
			t.Errorf("removed: %v", err)
		}
	})
}
