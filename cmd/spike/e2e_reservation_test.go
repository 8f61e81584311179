//go:build e2e

package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// The life of a unit after it was won: holds, payment, repeated buys.

func (e *testServer) confirmURL(token string) string {
	return "http://" + e.admin + "/api/v1/reservations/" + token + "/confirm"
}

// confirm pays through the operators' API, and fails the test unless the edge accepts it.
func (e *testServer) confirm(t testing.TB, token string) {
	t.Helper()
	if a := rigtest.Ask(t, "POST", e.confirmURL(token)); a.Status != 200 || a.Word() != rigtest.Confirmed {
		t.Errorf("confirm: %v", a)
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

// TestUnpaidUnitsComeBackAndPaidOnesDoNot proves G36.
func TestUnpaidUnitsComeBackAndPaidOnesDoNot(t *testing.T) {
	t.Parallel()
	const units, paid = 1000, 300
	const hold = 20 * time.Second // the crowd and 300 confirms take less, on a busy machine too
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", fmt.Sprint(units), "--hold", hold.String(), "--redis", redis.addr)
	edges := []*testServer{startEdge(t, "--redis", redis.addr), startEdge(t, "--redis", redis.addr)}
	urls := []string{edges[0].buyURL("ticket"), edges[1].buyURL("ticket")}
	stop := redis.auditing(t, "ticket")
	w, _ := rigtest.Crowd(t, 4*units, 16, urls...)
	if w.Count(rigtest.Won) != units {
		t.Fatalf("%d of %d", w.Count(rigtest.Won), units)
	}
	var late string
	n := 0
	for _, won := range w.Units() {
		if n++; n > paid {
			late = won.Token
			break
		}
		edges[n%2].confirm(t, won.Token) // through any edge, not only the seller
	}
	more := 0
	eventually(t, hold+patience, "the unpaid ones are sold again", func() bool {
		again, _ := rigtest.Crowd(t, 100, 8, urls...)
		for _, won := range again.Units() {
			edges[0].confirm(t, won.Token)
		}
		more += again.Count(rigtest.Won)
		return more >= units-paid
	})
	if again, _ := rigtest.Crowd(t, 2*units, 16, urls...); more+again.Count(rigtest.Won) != units-paid {
		t.Errorf("%d bought after the holds, want %d", more+again.Count(rigtest.Won), units-paid)
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

// TestLimitPerBuyerHoldsAcrossEdges proves G37.
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
	var w rigtest.Wins
	units := map[string]string{} // token by buyer
	r, err := rigtest.RunCrowd(context.Background(), rigtest.CrowdOptions{URLs: urls, Connections: 64, Requests: buyers * tries,
		Timeout: 10 * time.Second,
		Dress:   func(n int64, h *fasthttp.RequestHeader) { h.Set("X-Buyer-Id", fmt.Sprintf("buyer-%d", n%buyers)) },
		Heard: func(a rigtest.Answer) {
			if word, _ := w.Note(a); word == rigtest.Won || word == rigtest.OverLimit { // both name the unit that the buyer has
				had, _ := a.Reservation()
				mu.Lock()
				units[buyerIn(t, had.Token)] = had.Token
				mu.Unlock()
			}
		}})
	won, limited := w.Count(rigtest.Won), w.Count(rigtest.OverLimit)
	u := w.Count(rigtest.Undecided) // a Redis that has no CPU for a second
	if err != nil || r.Errors > 0 || w.Wrong() != nil {
		t.Fatalf("%+v %v %q", r, err, w.Wrong())
	}
	if len(units) != buyers || won > buyers || won+u < buyers || won+limited+u != buyers*tries {
		t.Errorf("%d wins of %d buyers, %d over the limit, %d of whom nobody knows", won, len(units), limited, u)
	}
	if a := redis.audit(t, "ticket"); a.Pending != buyers || a.Free != 5000-buyers {
		t.Errorf("%+v", a)
	}
}

// timeLeft is the part of an answer that is less each time that a buyer asks.
var timeLeft = regexp.MustCompile(`"expires_in_ms":\d+,`)

// reserve buys by v1 under a key. It repeats a request whose key is in flight or whose result is unknown.
func (e *testServer) reserve(t testing.TB, sale, key string) rigtest.Answer {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		a := rigtest.Ask(t, "POST", "http://"+e.addr+"/v1/sales/"+sale+"/reservations", "Idempotency-Key", key)
		if a.Status != http.StatusServiceUnavailable {
			return a
		}
	}
	t.Error("nobody decides the key")
	return rigtest.Answer{}
}

// TestKeysBuyOnce proves G38.
func TestKeysBuyOnce(t *testing.T) {
	t.Parallel()
	const keys = 40
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", "40", "--redis", redis.addr)
	mustSpike(t, "sale", "create", "other", "--total", "40", "--redis", redis.addr)
	edges := []*testServer{startEdge(t, "--redis", redis.addr), startEdge(t, "--redis", redis.addr)}
	key := func(i int) string { return fmt.Sprintf("key-of-a-careful-buyer-%03d", i) }
	first := make([]string, keys)
	var all sync.WaitGroup
	for i := range keys { // both edges at once, several times
		for again := range 6 {
			all.Go(func() {
				if a := edges[again%2].reserve(t, "ticket", key(i)); a.Word() != rigtest.Won {
					t.Error(a)
				}
			})
		}
	}
	all.Wait()
	for i := range keys { // and one after the other: the sale is sold out, but each key hears of its own unit
		for _, e := range edges {
			a := e.reserve(t, "ticket", key(i))
			body := timeLeft.ReplaceAllString(string(a.Body), "")
			if a.Word() != rigtest.Won || first[i] != "" && body != first[i] {
				t.Errorf("key %d: %v, before: %s", i, a, first[i])
			}
			first[i] = body
		}
	}
	if a := edges[1].reserve(t, "other", key(0)); a.Word() != rigtest.Won {
		t.Errorf("the same key in another sale, where it is another key: %v", a)
	}
	if a := redis.audit(t, "ticket"); a.Pending != keys || a.Free+a.Leased != 0 {
		t.Errorf("%+v", a)
	}
	if a := edges[0].reserve(t, "ticket", key(keys)); a.Word() != rigtest.NoneNow {
		t.Errorf("one more: %v", a)
	}
	mustSpike(t, "sale", "add", "ticket", "1", "--redis", redis.addr)
	eventually(t, noticed, "a key that heard no may try again", func() bool {
		return edges[1].reserve(t, "ticket", key(keys)).Word() == rigtest.Won
	})
}

// Keyed buyers come beside a crowd for which all units are on lease. They get the last units from the edges' stock.
func TestKeyedBuyersAmongACrowd(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", "3000", "--redis", redis.addr)
	edges := []*testServer{startEdge(t, "--redis", redis.addr), startEdge(t, "--redis", redis.addr)}
	urls := []string{edges[0].buyURL("ticket"), edges[1].buyURL("ticket")}
	w, stop := rigtest.StartCrowd(t, rigtest.CrowdOptions{Connections: 8, URLs: urls})
	var all sync.WaitGroup
	var careful rigtest.Wins
	for i := range 400 {
		all.Go(func() {
			a := edges[i%2].reserve(t, "ticket", fmt.Sprintf("key-of-a-careful-buyer-%03d", i))
			if word, _ := careful.Note(a); word != rigtest.Won && word != rigtest.NoneNow && word != rigtest.SoldOut {
				t.Error(a)
			}
		})
	}
	all.Wait()
	eventually(t, patience, "all is sold", func() bool {
		a := redis.audit(t, "ticket")
		return a.Pending == 3000
	})
	stop()
	if had := len(careful.Serials()); w.Wrong() != nil || w.Count(rigtest.Won)+had != 3000 {
		t.Errorf("%d to the crowd, %d to the careful; %q", w.Count(rigtest.Won), had, w.Wrong())
	}
}

func (e *testServer) operate(t testing.TB, method, path, body string) (status int, answer map[string]any) {
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
// It proves G41.
func TestDoorsInFullSale(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", "4000000", "--redis", redis.addr)
	var edges []*testServer
	var urls []string
	for range 4 {
		edges = append(edges, startEdge(t, "--redis", redis.addr))
		urls = append(urls, edges[len(edges)-1].buyURL("ticket"))
	}
	shut := func(what string, do func() string) {
		t.Helper()
		w, stop := rigtest.StartCrowd(t, rigtest.CrowdOptions{Connections: 16, URLs: urls})
		eventually(t, patience, "the sale is in full swing", func() bool { return w.Count(rigtest.Won) > 2000 })
		said := do()
		a, sold := redis.audit(t, "ticket"), w.Count(rigtest.Won)
		for _, e := range edges {
			if a := e.buy(t, "ticket"); a.Word() == rigtest.Won {
				t.Errorf("%s: an edge still sells: %v", what, a)
			}
		}
		time.Sleep(200 * time.Millisecond)
		if b := redis.audit(t, "ticket"); a.Leased+a.Limbo != 0 || !reflect.DeepEqual(a, b) || w.Count(rigtest.Won) < sold {
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
// It proves G41.
func TestPauseWaitsForADeadEdge(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", "1000", "--redis", redis.addr)
	edge := startEdge(t, "--redis", redis.addr, "--lease", "3s")
	rigtest.Crowd(t, 100, 4, edge.buyURL("ticket"))
	edge.die()
	out := mustSpike(t, "sale", "pause", "ticket", "--redis", redis.addr)
	a := redis.audit(t, "ticket")
	if a.Leased != 0 || a.Limbo == 0 || !strings.Contains(out, fmt.Sprintf("promised: %d", a.Limbo)) {
		t.Errorf("%s%+v", out, a)
	}
}

// An edge sold units and never told the ledger. They are still their buyers', if the buyers show their tokens in time.
// It proves G9.
func TestTokensOfADeadEdgeAreHonoured(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", "1000000", "--hold", "5m", "--redis", redis.addr)
	dead, heir := startEdge(t, "--redis", redis.addr), startEdge(t, "--redis", redis.addr)
	w, stop := rigtest.StartCrowd(t, rigtest.CrowdOptions{Connections: 16, URLs: []string{dead.buyURL("ticket")}})
	eventually(t, patience, "the sale is in full swing", func() bool { return w.Count(rigtest.Won) > 1000 })
	dead.die() // its ring is in memory and dies with it
	stop()
	settled := redis.audit(t, "ticket").Pending
	for serial, won := range w.Units() {
		if status, _, body := get(t, "POST", heir.confirmURL(won.Token)); status != 200 {
			t.Fatalf("serial %d: %d %s", serial, status, body)
		}
	}
	a := redis.audit(t, "ticket")
	if a.Confirmed != uint64(w.Count(rigtest.Won)) {
		t.Errorf("%d winners, %+v", w.Count(rigtest.Won), a)
	}
	t.Logf("%d of %d wins were not in the ledger when the edge died",
		w.Count(rigtest.Won)-int(min(settled, uint64(w.Count(rigtest.Won)))), w.Count(rigtest.Won))
}

// A sale is sold out on every edge, and is refilled. The edges hear of it.
func TestRestockIsHeard(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", "10", "--hold", "0", "--redis", redis.addr)
	edge := startEdge(t, "--redis", redis.addr)
	rigtest.Crowd(t, 100, 4, edge.buyURL("ticket"))
	for i := range 5 {
		// a crowd that hears "sold out"
		w, stop := rigtest.StartCrowd(t, rigtest.CrowdOptions{Connections: 4, URLs: []string{edge.buyURL("ticket")}})
		time.Sleep(50 * time.Millisecond)
		began := time.Now()
		_, err := redis.Change(context.Background(), "ticket", ledger.ChangeRequest{Request: fmt.Sprint("r", i), Add: 3})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, noticed, "they are sold", func() bool { return w.Count(rigtest.Won) == 3 })
		t.Logf("sold %v after they were added", time.Since(began).Round(time.Millisecond))
		stop()
		if w.Count(rigtest.Won) != 3 || w.Odd() != "" {
			t.Errorf("%d won, odd answers %v", w.Count(rigtest.Won), w.Odd())
		}
	}
}
