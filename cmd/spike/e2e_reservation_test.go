//go:build e2e

package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"spike/bench/load"
	"spike/luascripts/ledger"
)

// The life of a unit after it was won: holds, payment, repeated buys.

var tokenIn = regexp.MustCompile(`"token":"([^"]+)"`)

func tokenOf(answer string) string {
	if m := tokenIn.FindStringSubmatch(answer); m != nil {
		return m[1]
	}
	return ""
}

func (e *testEdge) confirmURL(token string) string {
	return "http://" + e.admin + "/api/v1/reservations/" + token + "/confirm"
}

// confirm pays through the operators' API, and fails the test unless the edge accepts it.
func (e *testEdge) confirm(t testing.TB, token string) {
	t.Helper()
	if status, _, body := get(t, "POST", e.confirmURL(token)); status != 200 || !strings.Contains(body, `"state":"confirmed"`) {
		t.Errorf("confirm: %d %s", status, body)
	}
}

// auditing audits a sale four times a second until it is told to stop. Each audit must pass.
func (r redisServer) auditing(t testing.TB, sale string) (stop func() int) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan int)
	go func() {
		audits := 0
		defer func() { done <- audits }()
		for clock := time.Tick(250 * time.Millisecond); ctx.Err() == nil; <-clock {
			if out, errs, code := spike(t, "audit", sale, "--json", "--redis", r.addr); code != 0 {
				t.Errorf("audit: exit %d %s%s", code, out, errs)
			}
			audits++
		}
	}()
	return func() int { cancel(); return <-done }
}

func TestUnpaidUnitsComeBackAndPaidOnesDoNot(t *testing.T) {
	t.Parallel()
	const units, paid = 1000, 300
	const hold = 20 * time.Second // the crowd and 300 confirms take less, on a busy machine too
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", fmt.Sprint(units), "--hold", hold.String(), "--redis", redis.addr)
	edges := []*testEdge{startEdge(t, "--redis", redis.addr), startEdge(t, "--redis", redis.addr)}
	urls := []string{edges[0].buyURL("ticket"), edges[1].buyURL("ticket")}
	stop := redis.auditing(t, "ticket")
	w, _ := crowd(t, 4*units, 16, urls...)
	if len(w.owner) != units {
		t.Fatalf("%d of %d", len(w.owner), units)
	}
	var late string
	n := 0
	for _, answer := range w.owner {
		if n++; n > paid {
			late = tokenOf(answer)
			break
		}
		edges[n%2].confirm(t, tokenOf(answer)) // through any edge, not only the seller
	}
	more := 0
	eventually(t, hold+patience, "the unpaid ones are sold again", func() bool {
		again, _ := crowd(t, 100, 8, urls...)
		for _, answer := range again.owner {
			edges[0].confirm(t, tokenOf(answer))
		}
		more += len(again.owner)
		return more >= units-paid
	})
	if again, _ := crowd(t, 2*units, 16, urls...); more+len(again.owner) != units-paid {
		t.Errorf("%d bought after the holds, want %d", more+len(again.owner), units-paid)
	}
	if status, _, body := get(t, "POST", edges[1].confirmURL(late)); status != 409 || !strings.Contains(body, "already_expired") {
		t.Errorf("a late confirm: %d %s", status, body)
	}
	if a := redis.audit(t, "ticket"); a.Confirmed != units {
		t.Errorf("%+v", a)
	}
	t.Logf("%d audits in order", stop())
}

// buyerIn returns the buyer's hash in a token.
func buyerIn(t testing.TB, token string) string {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) != 63 {
		t.Fatalf("token %q: %v", token, err)
	}
	return string(raw[39:47])
}

func TestLimitPerBuyerHoldsAcrossEdges(t *testing.T) {
	t.Parallel()
	const buyers, tries = 2000, 10
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", "5000", "--limit-per-buyer", "1", "--redis", redis.addr)
	var urls []string
	for range 4 {
		urls = append(urls, startEdge(t, "--redis", redis.addr).buyURL("ticket"))
	}
	var mu sync.Mutex
	units := map[string]string{} // token by buyer
	var won, limited, unknown, odd atomic.Int64
	r, err := load.Run(context.Background(), load.Options{URLs: urls, Connections: 64, Requests: buyers * tries,
		Timeout: 10 * time.Second,
		Header:  func(n int64, h *fasthttp.RequestHeader) { h.Set("X-Buyer-Id", fmt.Sprintf("buyer-%d", n%buyers)) },
		OnAnswer: func(_ string, status int, body []byte) {
			token := tokenOf(string(body))
			own := func(heard *atomic.Int64) {
				heard.Add(1)
				mu.Lock()
				units[buyerIn(t, token)] = token
				mu.Unlock()
			}
			switch {
			case status == 200 && strings.HasPrefix(string(body), `{"code":1,`):
				own(&won)
			case status == 200 && strings.HasPrefix(string(body), `{"code":-4,`) && token != "":
				own(&limited) // it names the unit that the buyer has
			case status == 503 && strings.HasPrefix(string(body), `{"code":-5,`): // a Redis that has no CPU for a second
				unknown.Add(1)
			default:
				odd.Add(1)
				t.Logf("odd: %d %s", status, body)
			}
		}})
	if err != nil || r.Errors > 0 || odd.Load() > 0 {
		t.Fatalf("%+v %v", r, err)
	}
	u := unknown.Load()
	if len(units) != buyers || won.Load() > buyers || won.Load()+u < buyers || won.Load()+limited.Load()+u != buyers*tries {
		t.Errorf("%d wins of %d buyers, %d over the limit, %d of whom nobody knows", won.Load(), len(units), limited.Load(), u)
	}
	if a := redis.audit(t, "ticket"); a.Pending != buyers || a.Free != 5000-buyers {
		t.Errorf("%+v", a)
	}
}

// timeLeft is the part of an answer that is less each time that a buyer asks.
var timeLeft = regexp.MustCompile(`"expires_in_ms":\d+,`)

// reserve buys by v1 under a key. It repeats a request whose key is in flight or whose result is unknown.
func (e *testEdge) reserve(t testing.TB, sale, key string) (status int, body string) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		q, err := http.NewRequest(http.MethodPost, "http://"+e.addr+"/v1/sales/"+sale+"/reservations", nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Idempotency-Key", key)
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		b, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil {
			t.Error(err)
		}
		if r.StatusCode != http.StatusServiceUnavailable {
			return r.StatusCode, string(b)
		}
	}
	t.Error("nobody decides the key")
	return 0, ""
}

func TestKeysBuyOnce(t *testing.T) {
	t.Parallel()
	const keys = 40
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", "40", "--redis", redis.addr)
	mustSpike(t, "sale", "create", "other", "--total", "40", "--redis", redis.addr)
	edges := []*testEdge{startEdge(t, "--redis", redis.addr), startEdge(t, "--redis", redis.addr)}
	key := func(i int) string { return fmt.Sprintf("key-of-a-careful-buyer-%03d", i) }
	first := make([]string, keys)
	var all sync.WaitGroup
	for i := range keys { // both edges at once, several times
		for again := range 6 {
			all.Go(func() {
				if status, body := edges[again%2].reserve(t, "ticket", key(i)); status != 201 {
					t.Errorf("%d %s", status, body)
				}
			})
		}
	}
	all.Wait()
	for i := range keys { // and one after the other: the sale is sold out, but each key hears of its own unit
		for _, e := range edges {
			status, body := e.reserve(t, "ticket", key(i))
			body = timeLeft.ReplaceAllString(body, "")
			if status != 201 || first[i] != "" && body != first[i] {
				t.Errorf("key %d: %d %s, before: %s", i, status, body, first[i])
			}
			first[i] = body
		}
	}
	if status, body := edges[1].reserve(t, "other", key(0)); status != 201 {
		t.Errorf("the same key in another sale, where it is another key: %d %s", status, body)
	}
	if a := redis.audit(t, "ticket"); a.Pending != keys || a.Free+a.Leased != 0 {
		t.Errorf("%+v", a)
	}
	if status, body := edges[0].reserve(t, "ticket", key(keys)); status != 409 || !strings.Contains(body, "none_now") {
		t.Errorf("one more: %d %s", status, body)
	}
	mustSpike(t, "sale", "add", "ticket", "1", "--redis", redis.addr)
	eventually(t, noticed, "a key that heard no may try again", func() bool {
		status, _ := edges[1].reserve(t, "ticket", key(keys))
		return status == 201
	})
}

// Keyed buyers come beside a crowd for which all units are on lease. They get the last units from the edges' stock.
func TestKeyedBuyersAmongACrowd(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", "3000", "--redis", redis.addr)
	edges := []*testEdge{startEdge(t, "--redis", redis.addr), startEdge(t, "--redis", redis.addr)}
	w, stop := crowdUntil(t, 8, edges[0].buyURL("ticket"), edges[1].buyURL("ticket"))
	var all sync.WaitGroup
	var mu sync.Mutex
	had := map[string]bool{}
	for i := range 400 {
		all.Go(func() {
			status, body := edges[i%2].reserve(t, "ticket", fmt.Sprintf("key-of-a-careful-buyer-%03d", i))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case status == 201:
				had[serialIn.FindStringSubmatch(body)[1]] = true
			case status != 409 && status != 410:
				t.Errorf("%d %s", status, body)
			}
		})
	}
	all.Wait()
	eventually(t, patience, "all is sold", func() bool {
		a := redis.audit(t, "ticket")
		return a.Pending == 3000
	})
	stop()
	if len(w.doubly) > 0 || w.count()+len(had) != 3000 {
		t.Errorf("%d to the crowd, %d to the careful; twice: %v", w.count(), len(had), w.doubly)
	}
}

func (e *testEdge) operate(t testing.TB, method, path, body string) (status int, answer map[string]any) {
	t.Helper()
	q, err := http.NewRequest(method, "http://"+e.admin+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, answer
}

// Pause and close in full sale: when the operator's call returns, no edge sells, and the ledger has all that was sold.
func TestDoorsInFullSale(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", "4000000", "--redis", redis.addr)
	var edges []*testEdge
	var urls []string
	for range 4 {
		edges = append(edges, startEdge(t, "--redis", redis.addr))
		urls = append(urls, edges[len(edges)-1].buyURL("ticket"))
	}
	shut := func(what string, do func() string) {
		t.Helper()
		w, stop := crowdUntil(t, 16, urls...)
		eventually(t, patience, "the sale is in full swing", func() bool { return w.count() > 2000 })
		said := do()
		a, sold := redis.audit(t, "ticket"), w.count()
		for _, e := range edges {
			if _, _, body := get(t, "GET", e.buyURL("ticket")); strings.Contains(body, `"code":1`) {
				t.Errorf("%s: an edge still sells: %s", what, body)
			}
		}
		time.Sleep(200 * time.Millisecond)
		if b := redis.audit(t, "ticket"); a.Leased+a.Limbo != 0 || !reflect.DeepEqual(a, b) || w.count() < sold {
			t.Errorf("%s: %+v, a moment later %+v; %s", what, a, b, said)
		}
		stop()
		t.Logf("%s: %s", what, strings.ReplaceAll(strings.TrimSpace(said), "\n", "; "))
	}
	shut("pause by command", func() string { return mustSpike(t, "sale", "pause", "ticket", "--redis", redis.addr) })
	mustSpike(t, "sale", "resume", "ticket", "--redis", redis.addr)
	shut("pause by API", func() string {
		status, answer := edges[0].operate(t, "POST", "/api/v1/sales/ticket/pause", "")
		if status != 200 || answer["settled"] != true || answer["outstanding"] != 0.0 {
			t.Errorf("%d %v", status, answer)
		}
		return fmt.Sprint(answer)
	})
	if status, answer := edges[1].operate(t, "POST", "/api/v1/sales/ticket/resume", ""); status != 200 {
		t.Errorf("%d %v", status, answer)
	}
	if status, answer := edges[2].operate(t, "POST", "/api/v1/sales/ticket/add", `{"n":5,"request_id":"a"}`); status != 200 ||
		answer["total"] != 4000005.0 {
		t.Errorf("%d %v", status, answer)
	}
	shut("close by command", func() string { return mustSpike(t, "sale", "close", "ticket", "--redis", redis.addr) })
}

// Pause waits until a dead edge's lease is over, and names the units that the edge may have promised.
func TestPauseWaitsForADeadEdge(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", "1000", "--redis", redis.addr)
	edge := startEdge(t, "--redis", redis.addr, "--lease", "3s")
	crowd(t, 100, 4, edge.buyURL("ticket"))
	edge.die()
	out := mustSpike(t, "sale", "pause", "ticket", "--redis", redis.addr)
	a := redis.audit(t, "ticket")
	if a.Leased != 0 || a.Limbo == 0 || !strings.Contains(out, fmt.Sprintf("promised: %d", a.Limbo)) {
		t.Errorf("%s%+v", out, a)
	}
}

// An edge sold units and never told the ledger. They are still their buyers', if the buyers show their tokens in time.
func TestTokensOfADeadEdgeAreHonoured(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", "1000000", "--hold", "5m", "--redis", redis.addr)
	dead, heir := startEdge(t, "--redis", redis.addr), startEdge(t, "--redis", redis.addr)
	w, stop := crowdUntil(t, 16, dead.buyURL("ticket"))
	eventually(t, patience, "the sale is in full swing", func() bool { return w.count() > 1000 })
	dead.die() // its ring is in memory and dies with it
	stop()
	settled := redis.audit(t, "ticket").Pending
	for serial, answer := range w.owner {
		if status, _, body := get(t, "POST", heir.confirmURL(tokenOf(answer))); status != 200 {
			t.Fatalf("serial %d: %d %s", serial, status, body)
		}
	}
	a := redis.audit(t, "ticket")
	if a.Confirmed != uint64(len(w.owner)) {
		t.Errorf("%d winners, %+v", len(w.owner), a)
	}
	t.Logf("%d of %d wins were not in the ledger when the edge died",
		len(w.owner)-int(min(settled, uint64(len(w.owner)))), len(w.owner))
}

// A sale is sold out on every edge, and is refilled. The edges hear of it.
func TestRestockIsHeard(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", "10", "--hold", "0", "--redis", redis.addr)
	edge := startEdge(t, "--redis", redis.addr)
	crowd(t, 100, 4, edge.buyURL("ticket"))
	for i := range 5 {
		w, stop := crowdUntil(t, 4, edge.buyURL("ticket")) // a crowd that hears "sold out"
		time.Sleep(50 * time.Millisecond)
		began := time.Now()
		_, err := redis.Change(context.Background(), "ticket", ledger.ChangeRequest{Request: fmt.Sprint("r", i), Add: 3})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, noticed, "they are sold", func() bool { return w.count() == 3 })
		t.Logf("sold %v after they were added", time.Since(began).Round(time.Millisecond))
		stop()
		if w.count() != 3 || len(w.odd) > 0 {
			t.Errorf("%d won, odd answers %v", w.count(), w.odd)
		}
	}
}
