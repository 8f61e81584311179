//go:build e2e

package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"spike/bench/rig/rigtest"
)

// Rows D8, D13 and D17: probe, metric, log and buyers must agree whether an edge takes buys. The same holds for order workers
// and gates (e2e_ready_others_test.go).

// readyCheck is a program that says whether it does its work, and a way to see whether it does.
type readyCheck struct {
	t      *testing.T
	admin  string
	log    func() string
	answer func() bool
}

// readyEdge is an edge whose log is read while it runs, and its Redis, which keeps all of it on disk.
type readyEdge struct {
	readyCheck
	edge       *testServer
	addr       string // Redis'
	dir        string
	data       string
	everything []string // arguments of redis-server
}

func newReadyEdge(t *testing.T) *readyEdge {
	dir := t.TempDir()
	w := &readyEdge{readyCheck: readyCheck{t: t}, addr: rigtest.FreeAddr(t), dir: dir, data: filepath.Join(dir, "data")}
	w.everything = []string{"--dir", dir, "--save", "3600 100000000", "--enable-protected-configs", "local"}
	rigtest.StartRedisAt(t, w.addr, w.everything...)
	mustSpike(t, "sale", "create", "ticket", "--total", "1000000", "--hold", "10s", "--redis", w.addr)
	w.edge = startEdge(t, "--redis", w.addr, "--data", w.data, "--node", "readyEdge", "--lang", "en")
	w.admin, w.log, w.answer = w.edge.admin, w.edge.Output, w.sells
	return w
}

func (w *readyEdge) redis(words ...string) {
	w.t.Helper()
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{w.addr}, DisableCache: true, ForceSingleClient: true})
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	if err := c.Do(w.t.Context(), c.B().Arbitrary(words...).Build()).Error(); err != nil {
		w.t.Fatalf("%v: %v", words, err)
	}
}

func (w *readyEdge) pid() int { return redisServer{addr: w.addr, Client: w.client()}.pid(w.t) }

func (w *readyEdge) client() rueidis.Client {
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{w.addr}, DisableCache: true})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	return c
}

// killed ends Redis. It comes back with its newest dump.
func (w *readyEdge) killed() {
	w.redis("SAVE")
	if err := syscall.Kill(w.pid(), syscall.SIGKILL); err != nil {
		w.t.Fatal(err)
	}
}

func (w *readyEdge) restarted(args ...string) {
	rigtest.StartRedisAt(w.t, w.addr, append(w.everything, args...)...)
}

// bgsave takes a snapshot, and waits for its status.
func (w *readyEdge) bgsave(status string) {
	w.redis("BGSAVE")
	c := w.client()
	eventually(w.t, patience, "the snapshot is "+status, func() bool {
		info, _ := c.Do(w.t.Context(), c.B().Info().Section("persistence").Build()).ToString()
		return strings.Contains(info, "rdb_bgsave_in_progress:0") && strings.Contains(info, "rdb_last_bgsave_status:"+status)
	})
}

// sells says whether a buyer wins now.
func (w *readyEdge) sells() bool {
	w.t.Helper()
	a := w.edge.buy(w.t, "ticket")
	if word := a.Word(); word != rigtest.Won && word != rigtest.Undecided {
		w.t.Errorf("a buyer hears %v", a)
	}
	return a.Word() == rigtest.Won
}

// verdicts are four answers to one question: does this program do its work?
type verdicts struct{ probe, metric, log, answer bool }

func (s verdicts) String() string {
	word := func(yes bool) string { return map[bool]string{true: "yes", false: "no"}[yes] }
	return fmt.Sprintf("probe %-3s  metric %-3s  log %-3s  answer %-3s", word(s.probe), word(s.metric), word(s.log), word(s.answer))
}

var readyLine = regexp.MustCompile(`trouble: not ready|trouble is over: ready`)

// asked returns the present answers.
func (w *readyCheck) asked() (s verdicts) {
	w.t.Helper()
	status, _, _ := get(w.t, "GET", "http://"+w.admin+"/readyz")
	s.probe = status == http.StatusOK
	s.metric = rigtest.Scrape(w.t, w.admin).Sum("spike_ready") == 1
	lines := readyLine.FindAllString(w.log(), -1)
	s.log = len(lines) == 0 || strings.Contains(lines[len(lines)-1], "over")
	s.answer = w.answer()
	return s
}

// agree waits until all four say the same for a while. They are asked one after the other, so one may change meanwhile: only
// a lasting contradiction counts.
func (w *readyCheck) agree(state string, yes bool) {
	w.t.Helper()
	want, begun := verdicts{yes, yes, yes, yes}, time.Now()
	var first time.Duration
	var newest verdicts
	within := func(d time.Duration, what string) {
		w.t.Helper()
		for end := time.Now().Add(d); ; time.Sleep(20 * time.Millisecond) {
			if newest = w.asked(); first == 0 && newest != (verdicts{!yes, !yes, !yes, !yes}) {
				first = time.Since(begun)
			}
			if newest == want {
				return
			}
			if time.Now().After(end) {
				w.t.Fatalf("%s: %s: %v", state, what, newest)
			}
		}
	}
	within(60*time.Second, "they do not all say the same")
	all := time.Since(begun)
	for range 3 {
		within(20*time.Second, "they do not go on saying the same")
	}
	w.t.Logf("%-22s %v  (the first says so after %v, all after %v)", state, newest,
		first.Round(10*time.Millisecond), all.Round(10*time.Millisecond))
}

// state is a state that a program gets into and out of.
type state struct {
	name       string
	begin, end func()
}

// matrix goes through states in which a program does not do its work.
func (w *readyCheck) matrix(states ...state) {
	w.t.Helper()
	w.agree("well", true)
	for _, s := range states {
		s.begin()
		w.agree(s.name, false)
		s.end()
		w.agree("after "+s.name, true)
	}
}

// grants ends a recovery, as an operator may.
func (w *readyEdge) grants() {
	eventually(w.t, patience, "the recovery is ended", func() bool {
		_, _, code := spike(w.t, "sale", "reopen", "ticket", "--grants", "--yes", "--redis", w.addr)
		return code == 0
	})
}

func (w *readyEdge) hanging() state {
	var pid int
	return state{"hanging", func() { pid = w.pid(); _ = syscall.Kill(pid, syscall.SIGSTOP) },
		func() { _ = syscall.Kill(pid, syscall.SIGCONT) }}
}

func (w *readyEdge) gone() state {
	return state{"gone", w.killed, func() { w.restarted(); w.grants() }}
}

func (w *readyEdge) readOnly() state {
	host, port, _ := net.SplitHostPort(rigtest.FreeAddr(w.t)) // nobody listens there
	return state{"READONLY", func() { w.redis("REPLICAOF", host, port) }, func() { w.redis("REPLICAOF", "NO", "ONE"); w.grants() }}
}

func (w *readyEdge) loading() state {
	return state{"LOADING", func() {
		for i := range 800 {
			w.redis("SET", fmt.Sprint("filler", i), strings.Repeat("x", 100))
		}
		w.killed()
		w.restarted("--key-load-delay", "10000", "--loading-process-events-interval-bytes", "1024")
	}, w.grants}
}

func TestD8ReadyIsOneTruth(t *testing.T) {
	t.Parallel()
	w := newReadyEdge(t)
	w.matrix(w.hanging(),
		state{"OOM", func() { w.redis("CONFIG", "SET", "maxmemory", "1") }, func() { w.redis("CONFIG", "SET", "maxmemory", "0") }},
		state{"NOREPLICAS", func() { w.redis("CONFIG", "SET", "min-replicas-to-write", "1") },
			func() { w.redis("CONFIG", "SET", "min-replicas-to-write", "0") }},
		state{"MISCONF", w.failSave, func() { w.redis("CONFIG", "SET", "dbfilename", "dump.rdb"); w.bgsave("ok") }},
		w.readOnly(), w.gone(),
		state{"recovering", func() { w.killed(); w.restarted() }, w.grants},
		w.loading(),
		state{"no room for rings", w.roomGone, func() { w.mustRename(w.data+".away", w.data) }})
	w.edge.stop(t)
}

func (w *readyEdge) failSave() {
	if err := os.MkdirAll(filepath.Join(w.dir, "taken", "full"), 0o700); err != nil {
		w.t.Fatal(err)
	}
	w.redis("CONFIG", "SET", "dbfilename", "taken")
	w.bgsave("err")
}

// roomGone makes every new ring fail. The last ring ends when nobody buys for a while.
func (w *readyEdge) roomGone() {
	eventually(w.t, patience, "the ring is gone", func() bool { return len(rings(w.t, w.data)) == 0 })
	w.mustRename(w.data, w.data+".away")
}

func (w *readyEdge) mustRename(from, to string) {
	w.t.Helper()
	if err := os.Rename(from, to); err != nil {
		w.t.Fatal(err)
	}
}

// A probe must not depend on buyers: an edge that a balancer has taken out has no buyers.
func TestD8ReadyAgainWithoutBuyers(t *testing.T) {
	t.Parallel()
	w := newReadyEdge(t)
	probe := func() bool {
		status, _, _ := get(t, "GET", "http://"+w.edge.admin+"/readyz")
		return status == http.StatusOK
	}
	for name, state := range map[string]struct{ begin, end func() }{
		"READONLY": {func() { w.redis("REPLICAOF", "127.0.0.1", "1") }, func() { w.redis("REPLICAOF", "NO", "ONE"); w.grants() }},
		"rings":    {w.roomGone, func() { w.mustRename(w.data+".away", w.data) }},
	} {
		w.agree("well", true)
		state.begin()
		w.agree(name, false)
		state.end()
		eventually(t, patience, name+": ready without a buyer", probe)
	}
	w.edge.stop(t)
}

// Row D13: the hash was changed by hand, and a buyer comes now and then. The log tells the trouble once, and once that it is
// over.
func TestD13TroubleIsToldOnce(t *testing.T) {
	t.Parallel()
	w := newReadyEdge(t)
	mustSpike(t, "sale", "create", "odd", "--total", "100", "--hold", "1h", "--redis", w.addr)
	if won, _ := rigtest.Crowd(t, 1, 1, w.edge.buyURL("odd")); won.Count(rigtest.Won) != 1 {
		t.Fatal("nobody has a unit")
	}
	eventually(t, patience, "all is settled and given back", func() bool { return len(rings(t, w.data)) == 0 })
	c := w.client()
	sold, err := c.Do(t.Context(), c.B().Hget().Key("odd_hash_key").Field("ticket_sold_nums").Build()).ToString()
	if err != nil {
		t.Fatal(err)
	}
	w.redis("HSET", "odd_hash_key", "ticket_sold_nums", "50")
	for range 5 {
		if status, _, body := get(t, "GET", w.edge.buyURL("odd")); status != http.StatusConflict {
			t.Errorf("%d %s", status, body)
		}
		time.Sleep(1500 * time.Millisecond) // a buyer comes every few seconds
	}
	told := func() (times [2]int) {
		log := w.log()
		return [2]int{strings.Count(log, "trouble: no new units"), strings.Count(log, "trouble is over sale=")}
	}
	if got := told(); got != [2]int{1, 0} {
		t.Errorf("trouble, and its end, were told %v times", got)
	}
	m := w.edge.metrics(t)
	if m.Sum("spike_trouble", "ailment", "refused", "sale", "odd") != 1 || m.Sum("spike_ready") != 1 {
		t.Error("the metrics do not tell of it")
	}
	w.redis("HSET", "odd_hash_key", "ticket_sold_nums", sold)
	eventually(t, patience, "it is over, and no buyer was needed", func() bool { return told() == [2]int{1, 1} })
	w.edge.stop(t)
}
