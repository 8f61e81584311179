package check

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"spike/bench"
	"spike/bench/crowd"
	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// server answers buy number n, from 1.
func server(t *testing.T, answer func(w http.ResponseWriter, n int64)) string {
	t.Helper()
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, n.Add(1)) }))
	t.Cleanup(s.Close)
	return s.URL + "/buy/ticket"
}

func won(serial int, token string) string {
	return fmt.Sprintf(`{"code":1,"msg":"抢票成功","data":{"sale":"ticket","serial":%d,"token":%q}}`, serial, token)
}

func texts(all []Finding) string {
	lines := make([]string, 0, len(all))
	for _, f := range all {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}

func say(w http.ResponseWriter, status int, body string) {
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

func TestRun(t *testing.T) {
	honest := func(w http.ResponseWriter, n int64) {
		if n <= 5 {
			say(w, 200, won(int(n), "t"))
			return
		}
		say(w, 200, `{"code":-1}`)
	}
	for _, c := range []struct {
		name   string
		o      Options
		answer func(http.ResponseWriter, int64)
		want   string // the first failure; "": none
	}{
		{"honest", Options{}, honest, ""},
		{"in time", Options{P99: time.Minute}, honest, ""},
		{"too late", Options{P99: time.Nanosecond}, honest, "p99 is over 1ns"},
		{"cheats", Options{}, func(w http.ResponseWriter, _ int64) { say(w, 200, won(7, "t")) },
			"FAIL 19 wins of a serial somebody had already: 7"},
		{"no token", Options{}, func(w http.ResponseWriter, n int64) { say(w, 200, won(int(n), "")) }, "without a token"},
		{"undecided", Options{}, func(w http.ResponseWriter, _ int64) { say(w, 503, `{"code":-5}`) }, "20 answers with status 503"},
		{"allowed", Options{Allow503: true}, func(w http.ResponseWriter, _ int64) { say(w, 503, `{"code":-5}`) }, ""},
		{"not found", Options{Allow503: true}, func(w http.ResponseWriter, _ int64) { say(w, 404, ``) }, "status 404"},
		{"hangs up", Options{}, func(http.ResponseWriter, int64) { panic(http.ErrAbortHandler) },
			"20 transport errors of 20 requests: closed: 20"},
	} {
		c.o.URL, c.o.Requests, c.o.Connections = server(t, c.answer), 20, 4
		var all []Finding
		if err := Run(t.Context(), c.o, nil, func(f Finding) { all = append(all, f) }); err != nil {
			t.Fatal(c.name, err)
		}
		if Passed(all) != (c.want == "") || !strings.Contains(texts(all), c.want) {
			t.Errorf("%s: want %q\n%s", c.name, c.want, texts(all))
		}
	}
}

// A sale that must know its buyers refuses a check that names none. Each buy of each check has a buyer of its own.
func TestRunNamesBuyers(t *testing.T) {
	var seen sync.Map
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buyer := r.Header.Get(crowd.BuyerHeader)
		if _, again := seen.LoadOrStore(buyer, true); again || buyer == "" {
			say(w, http.StatusUnauthorized, `{"code":-4}`)
			return
		}
		say(w, http.StatusOK, `{"code":-1}`)
	}))
	t.Cleanup(s.Close)
	for _, c := range []struct {
		buyers bool
		want   string
	}{
		{false, "FAIL 20 answers with status 401: the sale must know its buyers (--buyers names them"},
		{true, "ok   every answer has status 200"},
		{true, "ok   every answer has status 200"},
	} {
		var all []Finding
		o := Options{URL: s.URL + "/buy/ticket", Requests: 20, Connections: 4, Buyers: c.buyers}
		if err := Run(t.Context(), o, nil, func(f Finding) { all = append(all, f) }); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(texts(all), c.want) {
			t.Errorf("want %q\n%s", c.want, texts(all))
		}
	}
}

func TestRunAudits(t *testing.T) {
	url := server(t, func(w http.ResponseWriter, _ int64) { say(w, 200, `{"code":-1}`) })
	store := memory.New(ledger.DefaultBounds(), time.Now)
	o := Options{URL: url, Requests: 1, Connections: 1}
	var all []Finding
	keep := func(f Finding) { all = append(all, f) }
	if err := Run(t.Context(), o, store, keep); err != nil || Passed(all) {
		t.Errorf("a sale that does not exist passed: %v\n%s", err, texts(all))
	}
	if _, err := store.Create(t.Context(), "ticket", ledger.CreateRequest{Total: 1234}); err != nil {
		t.Fatal(err)
	}
	all = nil
	if err := Run(t.Context(), o, store, keep); err != nil || !strings.Contains(texts(all), "1,234 = 1,234 free") {
		t.Errorf("%v\n%s", err, texts(all))
	}
}

func TestRunWithoutRequestsBuysNothing(t *testing.T) {
	url := server(t, func(http.ResponseWriter, int64) { t.Error("bought") })
	var all []Finding
	if err := Run(t.Context(), Options{URL: url, Connections: 1}, nil, func(f Finding) { all = append(all, f) }); err != nil {
		t.Error(err)
	}
	if len(all) != 1 {
		t.Error(texts(all))
	}
}

func TestRunRefuses(t *testing.T) {
	nowhere := httptest.NewServer(nil)
	nowhere.Close()
	for _, c := range []struct {
		o    Options
		want error
	}{
		{Options{URL: nowhere.URL + "/buy/ticket", Requests: 1, Connections: 1}, bench.ErrDependency},
		{Options{URL: "https://a/buy/ticket", Requests: 1, Connections: 1}, bench.ErrUsage},
		{Options{URL: "http://a/sell/ticket", Requests: 1, Connections: 1}, bench.ErrUsage},
		{Options{URL: "http://a/buy/", Requests: 1, Connections: 1}, bench.ErrUsage},
		{Options{URL: "http://a/buy/ticket", Requests: -1, Connections: 1}, bench.ErrUsage},
		{Options{URL: "http://a/buy/ticket", Requests: 1}, bench.ErrUsage},
		{Options{URL: "http://a/buy/ticket", Requests: 1, Connections: 1, P99: -1}, bench.ErrUsage},
	} {
		if err := Run(t.Context(), c.o, nil, func(Finding) {}); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
}

func TestAccount(t *testing.T) {
	got := Account(ledger.Audit{Total: 10_000, Free: 1, Leased: 2, Limbo: 3, Pending: 4, Confirmed: 9990})
	if got != "10,000 = 1 free + 2 leased + 3 limbo + 4 pending + 9,990 confirmed" {
		t.Error(got)
	}
}
