//go:build e2e

package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
)

// raw sends bytes as they are, and returns the status of the answer. 0: the connection was closed without an answer.
func raw(t testing.TB, addr, request string) int {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(15 * time.Second))
	_, _ = c.Write([]byte(request)) // the edge may answer and close before it has read everything
	line := make([]byte, 12)
	n, _ := c.Read(line)
	m := regexp.MustCompile(`^HTTP/1.1 (\d{3})`).FindSubmatch(line[:n])
	if m == nil {
		return 0
	}
	status, _ := strconv.Atoi(string(m[1]))
	return status
}

func TestBadInputSellsNothing(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	redis.hmset(t, "ticket", "100")
	edge := startEdge(t, "--redis", redis.addr)
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/buy/nosuch", 404}, {"GET", "/buy/", 404}, {"GET", "/", 404}, {"GET", "/buy", 404}, {"GET", "/buy/a/b", 404},
		{"GET", "/buy/ticket/", 404}, {"GET", "/buy/no%20such", 404}, {"GET", "/buy/..%2f..%2fetc", 404},
		{"GET", "/buy/%7Bticket%7D", 404}, {"GET", "/buy/" + strings.Repeat("x", 3000), 404},
		{"PUT", "/buy/ticket", 405}, {"DELETE", "/buy/ticket", 405}, {"HEAD", "/buy/ticket", 405}, {"OPTIONS", "/buy/ticket", 405},
		{"PATCH", "/buy/ticket", 405}, {"BREW", "/buy/ticket", 405},
		{"GET", "/buy/ticket?n=0", 400}, {"GET", "/buy/ticket?n=-1", 400}, {"GET", "/buy/ticket?n=1e9", 400},
		{"GET", "/buy/ticket?n=1000000000", 400}, {"GET", "/buy/ticket?n=abc", 400}, {"GET", "/buy/ticket?n=", 400},
		{"GET", "/buy/ticket?n=101", 400}, {"GET", "/buy/ticket?n=%31%30%31", 400}, {"GET", "/buy/ticket?n=1.0", 400},
	} {
		if status, _, body := get(t, c.method, "http://"+edge.addr+c.path); status != c.status {
			t.Errorf("%s %.60s: %d, want %d: %s", c.method, c.path, status, c.status, body)
		}
	}
	big := strings.Repeat("a", 1<<20)
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"a header of 1 MB": {"GET /buy/ticket HTTP/1.1\r\nHost: x\r\nX-A: " + big + "\r\n\r\n", 431},
		"a path of 1 MB":   {"GET /buy/" + big + " HTTP/1.1\r\nHost: x\r\n\r\n", 431},
		"a body of 1 MB":   {"POST /buy/ticket HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n" + big, 413},
		"no HTTP":          {"hello\r\n\r\n", 400},
		"two lengths":      {"POST /buy/ticket HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400},
	} {
		if status := raw(t, edge.addr, c.request); status != c.status {
			t.Errorf("%s: %d, want %d", name, status, c.status)
		}
	}
	for range 500 { // half open: a request that is never whole
		c, err := net.Dial("tcp", edge.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_, _ = c.Write([]byte("GET /buy/ticket HTTP/1.1\r\nHo"))
	}
	if a := redis.audit(t, "ticket"); a.Pending != 0 {
		t.Errorf("sold: %+v", a)
	}
	if w, _ := rigtest.Crowd(t, 300, 8, edge.buyURL("ticket")); w.Count(rigtest.Won) != 100 {
		t.Errorf("%d of 100 won afterwards", w.Count(rigtest.Won))
	}
}

func TestUnitsInARow(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "pairs", "--total", "101", "--redis", redis.addr)
	edge := startEdge(t, "--redis", redis.addr)
	seen := map[int]bool{}
	for tries := 0; tries < 3; { // fragments go back to the ledger, and join there
		a := edge.buy(t, "pairs?n=2")
		two := rigtest.Bought(a)
		if a.Word() != rigtest.Won || two.Count != 2 {
			if a.Word() != rigtest.NoneNow {
				t.Errorf("neither two nor none for now: %v", a)
			}
			tries++
			time.Sleep(time.Second)
			continue
		}
		first := int(two.Serial)
		if seen[first] || seen[first+1] {
			t.Fatalf("%d or %d twice", first, first+1)
		}
		seen[first], seen[first+1] = true, true
	}
	alone := 0 // the odd ends of leases and shards are sold to buyers of one, once they are back in the ledger
	eventually(t, patience, "the odd ends are sold", func() bool {
		w, _ := rigtest.CrowdAnyway(t, 10, 1, edge.buyURL("pairs"))
		for _, serial := range w.Serials() {
			if seen[int(serial)] {
				t.Fatalf("%d twice", serial)
			}
			seen[int(serial)] = true
		}
		alone += w.Count(rigtest.Won)
		return len(seen) == 101
	})
	if alone > 10 {
		t.Errorf("%d of 101 went alone", alone)
	}
}

func TestBadHashIsRefusedAndTheOthersSell(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	redis.hmset(t, "good", "10")
	redis.hmset(t, "words", "ten")
	redis.hmset(t, "negative", "-1")
	redis.do(t, "HSET", "half_hash_key", "ticket_total_nums", "5")
	edge := startEdge(t, "--redis", redis.addr)
	for sale, says := range map[string]string{"words": "ticket_total_nums is not a whole number",
		"negative": "ticket_total_nums is negative", "half": "ticket_sold_nums is missing"} {
		status, header, body := get(t, "GET", edge.buyURL(sale))
		if status != 409 || !strings.Contains(body, says) || header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", sale, status, body)
		}
		if _, errs, code := spike(t, "audit", sale, "--redis", redis.addr); code != 1 || !strings.Contains(errs, says) {
			t.Errorf("audit %s: exit %d: %s", sale, code, errs)
		}
	}
	if w, _ := rigtest.Crowd(t, 20, 4, edge.buyURL("good")); w.Count(rigtest.Won) != 10 {
		t.Errorf("%d of 10 won", w.Count(rigtest.Won))
	}
	redis.hmset(t, "words", "3") // once the hash is right, the edge sells without a restart
	eventually(t, noticed, "the mended sale sells", func() bool {
		return edge.buy(t, "words").Word() == rigtest.Won
	})
}

// A reader of the article runs it twice: a new hash comes under an edge that still runs.
func TestSaleMadeAnewUnderARunningEdge(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	edge := startEdge(t, "--redis", redis.addr)
	for run := range 3 {
		redis.do(t, "FLUSHALL")
		redis.hmset(t, "ticket", "500")
		won := 0
		eventually(t, noticed, fmt.Sprintf("run %d sells 500", run), func() bool {
			w, _ := rigtest.Crowd(t, 1000, 8, edge.buyURL("ticket"))
			won += w.Count(rigtest.Won)
			return won == 500
		})
		eventually(t, settled, "all sold in the hash", func() bool { return redis.sold(t, "ticket") == "500" })
		redis.audit(t, "ticket")
	}
}

func TestMemoryDoesNotGrowWithTheStock(t *testing.T) {
	t.Parallel()
	start := func(total string, buys int64) *testServer {
		redis := startRedis(t)
		redis.hmset(t, "ticket", total)
		edge := startEdge(t, "--redis", redis.addr)
		rigtest.Crowd(t, buys, 10, edge.buyURL("ticket"))
		return edge
	}
	few := start("10", 10).resident(t) >> 10
	for _, c := range []struct {
		total string
		buys  int64
		more  int // KiB
	}{{"1000000000", 10, 4 << 10}, {"1000000000", 50_000, 32 << 10}} { // the ring and its batches, once used
		edge, now := start(c.total, c.buys), 0
		eventually(t, patience, "memory does not grow with the stock", func() bool { // Go gives it back slowly
			now = edge.resident(t) >> 10
			return now <= few+c.more
		})
		t.Logf("resident: %d KiB after 10 of 10 units, %d KiB after %d of %s", few, now, c.buys, c.total)
	}
}

func TestDoors(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	edge := startEdge(t, "--redis", redis.addr)
	doorsMoveByTheClock(t, redis, edge)
	says := func(sale string, code int) func() bool {
		return func() bool { return edge.code(t, sale) == code }
	}
	mustSpike(t, "sale", "create", "doors", "--total", "1000", "--redis", redis.addr)
	eventually(t, noticed, "it sells", says("doors", 1))
	mustSpike(t, "sale", "pause", "doors", "--redis", redis.addr)
	eventually(t, noticed, "it pauses", says("doors", -9))
	mustSpike(t, "sale", "resume", "doors", "--redis", redis.addr)
	eventually(t, noticed, "it goes on", says("doors", 1))
	mustSpike(t, "sale", "close", "doors", "--redis", redis.addr)
	eventually(t, noticed, "it closes", says("doors", -3))
	if _, errs, code := spike(t, "sale", "resume", "doors", "--redis", redis.addr); code != 1 || !strings.Contains(errs, "closed") {
		t.Errorf("a closed sale stays closed: exit %d %s", code, errs)
	}
	_, errs, code := spike(t, "sale", "add", "doors", "5", "--redis", redis.addr)
	if code != 1 || !strings.Contains(errs, "closed") {
		t.Errorf("nor is there more of it: exit %d %s", code, errs)
	}
	redis.audit(t, "doors")
}

// doorsMoveByTheClock makes a sale that opens and closes, until one was made well before its opening. No answer may come before
// its time.
func doorsMoveByTheClock(t *testing.T, redis redisServer, edge *testServer) {
	t.Helper()
	heard := map[int]bool{}
	for lead := 4 * time.Second; !heard[-2] || !heard[1]; lead *= 2 {
		if lead > patience {
			t.Fatalf("before the opening and the closing only %v was heard", heard)
		}
		sale := "later" + lead.String()
		opens := time.Now().Add(lead).Truncate(time.Second).Add(time.Second)
		closes := opens.Add(lead)
		mustSpike(t, "sale", "create", sale, "--total", "1000000", "--opens", opens.Format(time.RFC3339), "--closes",
			closes.Format(time.RFC3339), "--redis", redis.addr)
		eventually(t, 2*lead+patience, "it closes", func() bool {
			code, now := edge.code(t, sale), time.Now()
			heard[code] = true
			if code != -2 && now.Before(opens) || code == -3 && now.Before(closes) {
				t.Fatalf("%d at %v; it opens at %v and closes at %v", code, now, opens, closes)
			}
			return code == -3
		})
	}
}

// code is the article's code in the answer to a buy.
func (e *testServer) code(t testing.TB, sale string) int {
	t.Helper()
	code, _ := e.buy(t, sale).Code()
	return code
}

func TestAddedUnitsAreSold(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	redis.hmset(t, "ticket", "50")
	edge := startEdge(t, "--redis", redis.addr)
	if w, _ := rigtest.Crowd(t, 200, 8, edge.buyURL("ticket")); w.Count(rigtest.Won) != 50 {
		t.Fatalf("%d of 50", w.Count(rigtest.Won))
	}
	for range 2 {
		mustSpike(t, "sale", "add", "ticket", "7", "--request-id", "same", "--redis", redis.addr)
	}
	won := 0
	eventually(t, noticed, "7 more are sold", func() bool {
		w, _ := rigtest.Crowd(t, 100, 4, edge.buyURL("ticket"))
		won += w.Count(rigtest.Won)
		return won == 7
	})
	if w, _ := rigtest.Crowd(t, 1000, 8, edge.buyURL("ticket")); w.Count(rigtest.Won) != 0 {
		t.Error("and no more")
	}
}

func TestHoldsEndAndUnitsComeBack(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", "300", "--hold", "2s", "--redis", redis.addr)
	edge := startEdge(t, "--redis", redis.addr)
	w, _ := rigtest.Crowd(t, 1000, 8, edge.buyURL("ticket"))
	if w.Count(rigtest.Won) != 300 {
		t.Fatalf("%d of 300", w.Count(rigtest.Won))
	}
	if _, header, body := get(t, "GET", edge.buyURL("ticket")); header.Get("Retry-After") == "" {
		t.Errorf("units may come back: %s", body)
	}
	again := 0
	eventually(t, noticed, "all 300 are sold again", func() bool {
		w, _ := rigtest.Crowd(t, 50, 4, edge.buyURL("ticket"))
		again += w.Count(rigtest.Won)
		return again >= 300
	})
	redis.audit(t, "ticket")
}

func TestDecisionLogReadsAsTheArticles(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	redis.hmset(t, "ticket", "100")
	file := filepath.Join(t.TempDir(), "stat.log")
	edge := startEdge(t, "--redis", redis.addr, "--decision-log", file)
	rigtest.Crowd(t, 1000, 4, edge.buyURL("ticket"))
	edge.stop(t)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	won, lost := bytes.Count(text, []byte("result:1,localSales:")), bytes.Count(text, []byte("result:0,localSales:100"))
	if won != 100 || lost != 900 {
		t.Errorf("%d won, %d lost at 100 local sales", won, lost)
	}
}

func TestAdminSide(t *testing.T) {
	t.Parallel()
	edge := startEdge(t)
	rigtest.Crowd(t, 20_000, 16, edge.buyURL("ticket"))
	eventually(t, noticed, "the embedded store's audit", func() bool {
		_, _, body := get(t, "GET", "http://"+edge.admin+"/api/v1/sales/ticket/audit")
		return strings.Contains(body, `"pending":10000`) && strings.Contains(body, `"ok":true`)
	})
	if sum := edge.buys(t, "ticket"); sum != 20_000 {
		t.Errorf("spike_buys_total counts %d of 20000", sum)
	}
	guarded := startEdge(t, "--admin-token", "s3cret")
	if status, _, _ := get(t, "GET", "http://"+guarded.admin+"/metrics"); status != 401 {
		t.Errorf("without its token: %d", status)
	}
	q, _ := http.NewRequest(http.MethodGet, "http://"+guarded.admin+"/metrics", nil)
	q.Header.Set("Authorization", "Bearer s3cret")
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	if r.StatusCode != http.StatusOK {
		t.Errorf("with it: %d", r.StatusCode)
	}
}

func TestStartsThatFail(t *testing.T) {
	t.Parallel()
	nobody := rigtest.FreeAddr(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	config := filepath.Join(t.TempDir(), "spike.yaml")
	if err := os.WriteFile(config, []byte("lissten: :3005\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"serve", "--redis", nobody}, 3, nobody},
		{[]string{"audit", "ticket", "--redis", nobody}, 3, nobody},
		{[]string{"serve", "--listen", taken.Addr().String()}, 2, taken.Addr().String()},
		{[]string{"serve", "--admin", "0.0.0.0:0", "--listen", "127.0.0.1:0"}, 2, "token"},
		{[]string{"serve", "--config", config}, 2, `did you mean "listen"`},
		{[]string{"serve", "--lissten", "x"}, 2, "--lissten"},
		{[]string{"serve", "--lease", "1s"}, 2, "--lease"},
		{[]string{"audit", "ticket"}, 2, "--redis"},
		{[]string{"audit", "no such", "--redis", startRedis(t).addr}, 2, "name"},
		{[]string{"audit", "nosuch", "--redis", startRedis(t).addr}, 1, "nosuch_hash_key does not exist"},
		{[]string{"sale", "remove", "ticket", "--redis", nobody}, 2, "--yes"},
		{[]string{"nginx", "--topology", "nosuch.yaml"}, 2, "nosuch.yaml"},
		{[]string{"frobnicate"}, 2, "frobnicate"},
	} {
		out, errs, code := spike(t, c.args...)
		lines := strings.Split(strings.TrimSpace(errs), "\n")
		if code != c.code || !strings.Contains(lines[len(lines)-1], c.says) || code == 3 && len(lines) > 1 {
			t.Errorf("spike %v: exit %d, want %d and one line with %q:\n%s%s", c.args, code, c.code, c.says, out, errs)
		}
	}
}

func TestConfigFileFlagsAndEnvironment(t *testing.T) {
	config := filepath.Join(t.TempDir(), "spike.yaml")
	if err := os.WriteFile(config, []byte("lang: en\nnode: from-file\nsales: [ticket]\nlease: 4s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	edge := startEdge(t, "--config", config)
	if _, _, body := get(t, "GET", edge.buyURL("ticket")); !strings.Contains(body, `"msg":"yours"`) {
		t.Errorf("lang of the file: %s", body)
	}
	chinese := []string{"SPIKE_LANG=zh"}
	edge = runEdge(t, rigtest.Options{Args: []string{"--config", config}, Env: chinese})
	if _, _, body := get(t, "GET", edge.buyURL("ticket")); !strings.Contains(body, "抢票成功") {
		t.Errorf("the environment goes before the file: %s", body)
	}
	edge = runEdge(t, rigtest.Options{Args: []string{"--config", config, "--lang", "en"}, Env: chinese})
	if _, _, body := get(t, "GET", edge.buyURL("ticket")); !strings.Contains(body, `"msg":"yours"`) {
		t.Errorf("a flag goes before the environment: %s", body)
	}
}
