//go:build e2e

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"spike/bench/rig/rigtest"
	"spike/luascripts"
	"spike/luascripts/ledger"
)

// These tests drive the built binary (SPIKE_BIN) as its users do, on real servers.

// long says whether this is the long run (make e2e-long).
func long() bool { return os.Getenv("SPIKE_E2E_LONG") != "" }

func binary(t testing.TB) string { t.Helper(); return rigtest.Binary(t) }

// spike runs a command to its end.
func spike(t testing.TB, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command(binary(t), args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env = &out, &errs, rigtest.Environ()
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func mustSpike(t testing.TB, args ...string) string {
	t.Helper()
	out, errs, code := spike(t, args...)
	if code != 0 {
		t.Fatalf("spike %v: exit %d\n%s%s", args, code, out, errs)
	}
	return out
}

// testServer is a running server of the spike program.
type testServer struct {
	*rigtest.Server
	addr, admin string
}

// startEdge starts an edge. Its ring is in memory and it waits for no balancer, unless args say otherwise.
func startEdge(t testing.TB, args ...string) *testServer {
	t.Helper()
	return runEdge(t, rigtest.Options{Args: args})
}

func runEdge(t testing.TB, o rigtest.Options) *testServer {
	t.Helper()
	o.Memory, o.Env = true, append([]string{"SPIKE_DRAIN=500ms"}, o.Env...)
	return asTest(rigtest.StartServer(t, rigtest.Edge, o))
}

func asTest(s *rigtest.Server) *testServer { return &testServer{s, s.Addr, s.Admin} }

func (e *testServer) buyURL(sale string) string { return e.BuyURL(sale) }

// ready says whether the server is ready now.
func (e *testServer) ready() bool { return e.Check(context.Background()) == nil }

// buy buys once. The header is names and values by turns.
func (e *testServer) buy(t testing.TB, sale string, header ...string) rigtest.Answer {
	t.Helper()
	return rigtest.Ask(t, http.MethodPost, e.buyURL(sale), header...)
}

// calls returns the edge's counters of store calls for a sale.
func (e *testServer) calls(t testing.TB, sale string) map[string]int64 {
	t.Helper()
	return e.metrics(t).By("call", "spike_store_calls_total", "sale", sale)
}

// buys returns how many buys of a sale the edge has counted.
func (e *testServer) buys(t testing.TB, sale string) int {
	t.Helper()
	return int(e.metrics(t).Sum("spike_buys_total", "sale", sale))
}

// metrics returns the server's metrics now.
func (e *testServer) metrics(t testing.TB) rigtest.Metrics {
	t.Helper()
	m, err := e.Metrics(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// stop ends the server as an operator does, and waits for it.
func (e *testServer) stop(t testing.TB) {
	t.Helper()
	if err := e.Stop(); err != nil {
		t.Fatalf("%s did not stop well: %v\n%s", e.Name, err, e.Output())
	}
}

// die ends the server as kill -9 does.
func (e *testServer) die() { e.End() }

// ends waits until the server has ended by itself.
func (e *testServer) ends(t testing.TB) (code int) {
	t.Helper()
	select {
	case <-e.Done():
	case <-time.After(patience / 2):
		t.Fatal("it did not end")
	}
	var exit *exec.ExitError
	if errors.As(e.Wait(), &exit) {
		return exit.ExitCode()
	}
	return 0
}

// settled bounds how long settling takes: normally under a second, more on a busy machine.
const settled = 30 * time.Second

func eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within %v: %s", within, what)
}

// get sends one request.
func get(t testing.TB, method, url string) (status int, header http.Header, body string) {
	t.Helper()
	q, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return answer(t, q)
}

// answer sends a request, and reads the whole body.
func answer(t testing.TB, q *http.Request) (status int, header http.Header, body string) {
	t.Helper()
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, r.Header, string(b)
}

type redisServer struct {
	ledger.Store
	rueidis.Client
	addr string
}

func startRedis(t testing.TB) redisServer { t.Helper(); return redisAt(t, rigtest.StartRedis(t).Addr) }

// redisAt returns a client of a running server.
func redisAt(t testing.TB, addr string) redisServer {
	t.Helper()
	options := rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true}
	store, err := luascripts.Dial(context.Background(), options, ledger.DefaultBounds())
	if err != nil {
		t.Fatal(err)
	}
	client, err := rueidis.NewClient(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close(); client.Close() })
	return redisServer{store, client, addr}
}

// hmset makes a sale as the article does.
func (r redisServer) hmset(t testing.TB, sale, total string) {
	t.Helper()
	r.do(t, "HMSET", sale+"_hash_key", "ticket_total_nums", total, "ticket_sold_nums", "0")
}

func (r redisServer) do(t testing.TB, words ...string) rueidis.RedisResult {
	t.Helper()
	res := r.Do(context.Background(), r.B().Arbitrary(words...).Build())
	if err := res.Error(); err != nil && !rueidis.IsRedisNil(err) {
		t.Fatalf("%v: %v", words, err)
	}
	return res
}

func (r redisServer) sold(t testing.TB, sale string) string {
	t.Helper()
	s, err := r.do(t, "HGET", sale+"_hash_key", "ticket_sold_nums").ToString()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// scripts returns how many scripts Redis has run.
func (r redisServer) scripts(t testing.TB) (n int) {
	t.Helper()
	info, err := r.do(t, "INFO", "commandstats").ToString()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`cmdstat_(?:eval|evalsha|fcall):calls=(\d+)`).FindAllStringSubmatch(info, -1) {
		calls, _ := strconv.Atoi(m[1])
		n += calls
	}
	return n
}

// pid returns the id of Redis' process.
func (r redisServer) pid(t testing.TB) int {
	t.Helper()
	info, err := r.do(t, "INFO", "server").ToString()
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(regexp.MustCompile(`process_id:(\d+)`).FindStringSubmatch(info)[1])
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// audit fails the test unless every unit is there once. It returns the audit.
func (r redisServer) audit(t testing.TB, sale string) (a ledger.Audit) {
	t.Helper()
	if err := json.Unmarshal([]byte(mustSpike(t, "audit", sale, "--json", "--redis", r.addr)), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestArticleSession(t *testing.T) {
	redis := startRedis(t)
	redis.hmset(t, "ticket", "10000")
	edge := startEdge(t, "--redis", redis.addr)
	out, err := exec.Command("ab", "-l", "-q", "-n", "30000", "-c", "100", edge.buyURL("ticket")).CombinedOutput()
	if err != nil {
		t.Fatalf("ab: %v\n%s", err, out)
	}
	for _, line := range []string{`Complete requests:\s+30000`, `Failed requests:\s+0`} {
		if !regexp.MustCompile(line).Match(out) {
			t.Errorf("ab does not say %s:\n%s", line, out)
		}
	}
	if strings.Contains(string(out), "Non-2xx") {
		t.Errorf("ab saw other statuses:\n%s", out)
	}
	eventually(t, settled, "10000 sold in the hash", func() bool { return redis.sold(t, "ticket") == "10000" })
	if a := redis.audit(t, "ticket"); a.Pending != 10_000 {
		t.Errorf("%+v", a)
	}
}

// TestFourEdgesSellExactlyWhatThereIs proves G1.
func TestFourEdgesSellExactlyWhatThereIs(t *testing.T) {
	const total, requests = 10_007, 250_000
	redis := startRedis(t)
	var edges []*testServer
	for range 4 {
		edges = append(edges, startEdge(t, "--redis", redis.addr))
	}
	runs := 3
	if long() {
		runs = 10
	}
	for run := range runs {
		sale := fmt.Sprintf("s%d", run)
		redis.hmset(t, sale, strconv.Itoa(total))
		var urls []string
		for _, e := range edges {
			urls = append(urls, e.buyURL(sale))
		}
		before := redis.scripts(t)
		w, r := rigtest.Crowd(t, requests, 96, urls...)
		scripts := redis.scripts(t) - before
		for _, e := range edges {
			t.Log(e.calls(t, sale))
		}
		t.Logf("run %d: %d won, %.0f requests/s, %d scripts: %.4f per unit sold", run, w.Count(rigtest.Won), r.PerSecond(), scripts,
			float64(scripts)/total)
		if w.Count(rigtest.Won) != total {
			t.Fatalf("%d of %d won", w.Count(rigtest.Won), total)
		}
		eventually(t, settled, "all sold in the hash", func() bool { return redis.sold(t, sale) == strconv.Itoa(total) })
		if a := redis.audit(t, sale); a.Pending != total {
			t.Fatalf("%+v", a)
		}
	}
}

// One edge is busy, and three hold leases and sell nothing. The busy edge gets the last unit all the same.
// It proves G4.
func TestIdleEdgesGiveBack(t *testing.T) {
	redis := startRedis(t)
	var edges []*testServer
	for range 4 {
		edges = append(edges, startEdge(t, "--redis", redis.addr))
	}
	totals := []int{5, 1_000, 100_003}
	if long() {
		totals = append(totals, 1, 2, 17, 10_007, 1_000_000)
	}
	for _, total := range totals {
		sale := fmt.Sprintf("s%d", total)
		redis.hmset(t, sale, strconv.Itoa(total))
		have := 0
		for _, e := range edges[1:] {
			w, _ := rigtest.Crowd(t, 1, 1, e.buyURL(sale))
			have += w.Count(rigtest.Won)
		}
		start := time.Now()
		for last := start; have < total; {
			w, _ := rigtest.Crowd(t, int64(max(2_000, total/2)), 32, edges[0].buyURL(sale))
			if w.Count(rigtest.Won) > 0 {
				have, last = have+w.Count(rigtest.Won), time.Now()
			}
			if time.Since(last) > 3*5*time.Second { // 5 s, on a busy machine
				t.Fatalf("%d of %d sold; the rest is stranded: %+v", have, total, redis.audit(t, sale))
			}
		}
		t.Logf("total %d: the last unit after %v", total, time.Since(start).Round(time.Millisecond))
		eventually(t, settled, "all sold in the hash", func() bool { return redis.sold(t, sale) == strconv.Itoa(total) })
	}
}

func TestScriptsPerAnswer(t *testing.T) {
	const total, losers = 10_000, 250_000
	redis := startRedis(t)
	redis.hmset(t, "ticket", strconv.Itoa(total))
	edge := startEdge(t, "--redis", redis.addr)
	before := redis.scripts(t)
	if w, _ := rigtest.Crowd(t, total, 64, edge.buyURL("ticket")); w.Count(rigtest.Won) != total {
		t.Fatalf("%d won", w.Count(rigtest.Won))
	}
	eventually(t, settled, "sold", func() bool { return redis.sold(t, "ticket") == strconv.Itoa(total) })
	selling := redis.scripts(t) - before
	rigtest.Crowd(t, losers, 64, edge.buyURL("ticket"))
	losing := redis.scripts(t) - before - selling
	t.Logf("%.4f scripts per unit, %.5f per sold-out answer", float64(selling)/total, float64(losing)/losers)
	if float64(selling) > 0.02*total || float64(losing) > 0.0002*losers {
		t.Errorf("%d scripts for %d units, %d for %d losers", selling, total, losing, losers)
	}
}

// A sold-out answer costs one read and one write: no read finds nothing.
func TestSystemCallsPerAnswer(t *testing.T) {
	const losers = 20_000
	edge := startEdge(t)
	rigtest.Crowd(t, 20_000, 64, edge.buyURL("ticket")) // the sale has 10,000
	calls, uncounted := edge.systemCalls(t, func() { rigtest.Crowd(t, losers, 64, edge.buyURL("ticket")) })
	r, w := calls["read"]+calls["recvfrom"], calls["write"]+calls["sendto"]
	t.Logf("%.4f reads and %.4f writes a sold-out answer: %v", float64(r)/losers, float64(w)/losers, calls)
	if r < losers-uncounted || float64(r) > 1.05*losers || w < losers-uncounted || float64(w) > 1.02*losers {
		t.Errorf("%d reads and %d writes for %d answers; strace may have missed %d", r, w, losers, uncounted)
	}
}

// systemCalls returns how often the edge has read and written meanwhile, by system call. strace counts a call when the call
// returns, so each thread of the edge may be in one call that strace has not counted when it is interrupted.
func (e *testServer) systemCalls(t *testing.T, meanwhile func()) (calls map[string]int, uncounted int) {
	t.Helper()
	table := t.TempDir() + "/calls"
	trace := exec.Command("strace", "-f", "-c", "-o", table, "-e", "trace=read,recvfrom,write,sendto",
		"-p", strconv.Itoa(e.PID()))
	said, err := os.Create(table + ".said")
	if err == nil {
		defer said.Close()
		trace.Stderr = said
		err = trace.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- trace.Wait() }()
	eventually(t, settled, "strace has attached", func() bool {
		text, _ := os.ReadFile(said.Name())
		if bytes.Contains(text, []byte("not permitted")) {
			t.Skipf("this machine lets no process trace another: %s", text)
		}
		return bytes.Contains(text, []byte("attached"))
	})
	meanwhile()
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", e.PID()))
	if err != nil {
		t.Fatal(err)
	}
	_ = trace.Process.Signal(os.Interrupt)
	if err = <-ended; err != nil {
		t.Logf("strace: %v", err)
	}
	text, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	calls = map[string]int{}
	for line := range strings.Lines(string(text)) { // % time, seconds, usecs/call, calls, errors if there are any, syscall
		if f := strings.Fields(line); len(f) >= 5 {
			calls[f[len(f)-1]], _ = strconv.Atoi(f[3])
		}
	}
	return calls, len(threads)
}

// TestGracefulStopSettlesAndGivesBack proves G7.
func TestGracefulStopSettlesAndGivesBack(t *testing.T) {
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", "100000", "--redis", redis.addr)
	edge := startEdge(t, "--redis", redis.addr)
	w, _ := rigtest.Crowd(t, 5_000, 16, edge.buyURL("ticket"))
	edge.stop(t)
	a := redis.audit(t, "ticket")
	if a.Pending != uint64(w.Count(rigtest.Won)) || a.Leased != 0 || a.Limbo != 0 || a.Free != a.Total-a.Pending {
		t.Errorf("%d won: %+v", w.Count(rigtest.Won), a)
	}
}
