//go:build e2e

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"spike/bench/load"
	"spike/bench/process"
	"spike/luascripts/redistest"
	"spike/nginx"
)

// These tests buy through nginx, while the edges behind it die.

// startNginx runs nginx as `spike nginx` configures it, and returns its URL.
func startNginx(t testing.TB, workers int, edges []nginx.Edge) string {
	t.Helper()
	addr, dir := redistest.FreeAddr(t), t.TempDir()
	topology := filepath.Join(dir, "topology.yaml")
	text := fmt.Sprintf("listen: %s\nworkers: %d\naccess_log: access.log\nedges:\n", addr, workers)
	for _, e := range edges {
		text += fmt.Sprintf("  - {addr: %s, weight: %d}\n", e.Addr, e.Weight)
	}
	write(t, topology, text)
	return runNginx(t, dir, topology, addr)
}

// runNginx runs nginx in dir as `spike nginx` configures it for a topology that listens on addr. It returns its URL.
func runNginx(t testing.TB, dir, topology, addr string) string {
	t.Helper()
	launchNginx(t, dir, topology, addr)
	return "http://" + addr
}

// launchNginx does the same, and returns nginx' master process.
func launchNginx(t testing.TB, dir, topology, addr string) *os.Process {
	t.Helper()
	conf := filepath.Join(dir, "nginx.conf")
	write(t, conf, mustSpike(t, "nginx", "--topology", topology))
	path, err := exec.LookPath("nginx")
	if err != nil {
		path = "/usr/sbin/nginx" // Debian keeps it off a user's PATH
	}
	cmd := exec.Command(path, "-p", dir, "-c", conf, "-e", "stderr", "-g", "daemon off;")
	if err := cmd.Start(); err != nil {
		t.Fatalf("nginx (make deps installs it): %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // the master ends its workers
		_ = cmd.Wait()
	})
	eventually(t, patience, "nginx listens", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
		}
		return err == nil && process.Listens(cmd.Process.Pid, addr) == nil
	})
	return cmd.Process
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

var buysCounted = regexp.MustCompile(`spike_buys_total\{outcome="\w+",sale="(\w+)"\} (\d+)`)

// buys returns how many buys of a sale the edge has counted.
func (e *testEdge) buys(t testing.TB, sale string) (n int) {
	t.Helper()
	_, _, text := get(t, "GET", "http://"+e.admin+"/metrics")
	for _, m := range buysCounted.FindAllStringSubmatch(text, -1) {
		if m[1] == sale {
			one, _ := strconv.Atoi(m[2])
			n += one
		}
	}
	return n
}

// The article's picture, checked by the edges' own counters: ab -n 1000 -c 100 over weights 1:2:3:4, with one worker and with
// two.
func TestWeightsByTheEdgesOwnCounters(t *testing.T) {
	redis := startRedis(t)
	var edges []*testEdge
	var behind []nginx.Edge
	for i := range 4 {
		edges = append(edges, startEdge(t, "--redis", redis.addr))
		behind = append(behind, nginx.Edge{Addr: edges[i].addr, Weight: i + 1})
	}
	runs := 5
	if long() {
		runs = 50
	}
	for _, workers := range []int{1, 2} {
		front := startNginx(t, workers, behind)
		for run := range runs {
			sale := fmt.Sprintf("w%dr%d", workers, run)
			redis.hmset(t, sale, "500")
			out, err := exec.Command("ab", "-l", "-q", "-n", "1000", "-c", "100", front+"/buy/"+sale).CombinedOutput()
			if err != nil || bytes.Contains(out, []byte("Non-2xx")) {
				t.Fatalf("ab: %v\n%s", err, out)
			}
			for i, e := range edges {
				if n := e.buys(t, sale); n != 100*(i+1) {
					t.Errorf("%d workers, run %d: the edge of weight %d answered %d of 1000", workers, run, i+1, n)
				}
			}
		}
	}
}

// answerEater is a proxy in front of an edge. It passes all requests on, and swallows some answers, as an edge does that
// hangs after it has sold. After a swallowed answer, its connection stays silent.
type answerEater struct {
	addr, edge string
	listener   net.Listener
	toSwallow  atomic.Int64
	conns      sync.WaitGroup
}

func startAnswerEater(t testing.TB, edge string) *answerEater {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &answerEater{addr: l.Addr().String(), edge: edge, listener: l}
	m.conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			m.conns.Go(func() { m.serve(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); m.conns.Wait() }) // nginx was started later, so it has ended already
	return m
}

// serve ends when nginx or the edge closes its connection.
func (m *answerEater) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	e, err := net.Dial("tcp", m.edge)
	if err != nil {
		return
	}
	defer func() { _ = e.Close() }()
	m.conns.Go(func() {
		_, _ = io.Copy(e, c)
		_ = e.Close()
	})
	buffer := make([]byte, 16<<10)
	for mute := false; ; {
		n, err := e.Read(buffer)
		if err != nil {
			return
		}
		if mute = mute || m.toSwallow.Load() > 0 && m.toSwallow.Add(-1) >= 0; mute {
			continue
		}
		if _, err = c.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// told is what a crowd in front of nginx was told.
type told struct {
	mu        sync.Mutex
	owner     map[uint32]string // token by serial
	twice     []uint32
	none      int // heard that there is none
	undecided int // heard 503
	odd       []string
}

func (w *told) answer(_ string, status int, body []byte) {
	m := serialIn.FindSubmatch(body)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case m != nil:
		n, _ := strconv.ParseUint(string(m[1]), 10, 32)
		if _, again := w.owner[uint32(n)]; again {
			w.twice = append(w.twice, uint32(n))
		}
		w.owner[uint32(n)] = tokenOf(string(body))
	case status == http.StatusServiceUnavailable:
		w.undecided++
	case status == http.StatusOK:
		w.none++
	default:
		w.odd = append(w.odd, fmt.Sprintf("%d %s", status, body))
	}
}

// run sends requests at a rate, half of them GET and half POST. Meanwhile it calls between again and again.
func (w *told) run(t testing.TB, url string, requests int64, rate float64, between func()) {
	t.Helper()
	var crowd sync.WaitGroup
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		crowd.Go(func() {
			r, err := load.Run(context.Background(), load.Options{URLs: []string{url}, Method: method, Connections: 128,
				Requests: requests / 2, Rate: rate / 2, Timeout: 30 * time.Second, OnAnswer: w.answer})
			if err != nil || r.Answered != requests/2 {
				t.Errorf("%s: %v %+v", method, err, r)
			}
		})
	}
	over := make(chan struct{})
	go func() { crowd.Wait(); close(over) }()
	for {
		select {
		case <-over:
			return
		case <-time.After(5 * time.Millisecond):
			between()
		}
	}
}

// confirm pays for every unit that a buyer was told of.
func (w *told) confirm(t testing.TB, e *testEdge) {
	t.Helper()
	tokens := make(chan string)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	defer client.CloseIdleConnections()
	var payers sync.WaitGroup
	var refused atomic.Int64
	for range 16 {
		payers.Go(func() {
			for token := range tokens {
				r, err := client.Post(e.confirmURL(token), "", nil)
				if err != nil {
					refused.Add(1)
					continue
				}
				_, _ = io.Copy(io.Discard, r.Body)
				_ = r.Body.Close()
				if r.StatusCode != http.StatusOK {
					refused.Add(1)
				}
			}
		})
	}
	for _, token := range w.owner {
		tokens <- token
	}
	close(tokens)
	payers.Wait()
	if n := refused.Load(); n > 0 {
		t.Errorf("%d of %d winners could not confirm", n, len(w.owner))
	}
}

// owners reads each serial's state in the ledger: 'p' for pending, 'c' for confirmed.
func (r redisServer) owners(t testing.TB, sale string) map[uint32]byte {
	t.Helper()
	sold, err := r.do(t, "HGETALL", "{"+sale+"_hash_key}:sold").AsStrMap()
	if err != nil {
		t.Fatal(err)
	}
	const state = 24 // after fence, nonce and expiry
	by := map[uint32]byte{}
	for serial, owner := range sold {
		n, err := strconv.ParseUint(serial, 10, 32)
		if err != nil || len(owner) <= state {
			t.Fatalf("%q: %q", serial, owner)
		}
		by[uint32(n)] = owner[state]
	}
	return by
}

// frontStage is four edges behind one nginx. An answerEater is in front of the last edge.
type frontStage struct {
	redis       redisServer
	edges       []*testEdge
	data        []string
	answerEater *answerEater
	front       string
}

func newFrontStage(t testing.TB) *frontStage {
	t.Helper()
	s := &frontStage{redis: startRedis(t)}
	s.redis.do(t, "CONFIG", "SET", "appendonly", "yes")
	var behind []nginx.Edge
	for i := range 4 {
		s.data = append(s.data, t.TempDir())
		s.edges = append(s.edges, startEdge(t, "--redis", s.redis.addr, "--data", s.data[i]))
		behind = append(behind, nginx.Edge{Addr: s.edges[i].addr, Weight: 1})
	}
	s.answerEater = startAnswerEater(t, s.edges[3].addr)
	behind[3].Addr = s.answerEater.addr
	s.front = startNginx(t, 2, behind)
	return s
}

// kill ends an edge as kill -9 does, and later starts the same edge again.
func (s *frontStage) kill(t testing.TB, i int) {
	t.Helper()
	e := s.edges[i]
	e.die()
	time.Sleep(200 * time.Millisecond)
	s.edges[i] = runEdge(t, e.addr, e.admin, binary(t), "serve", "--admin", e.admin, "--redis", s.redis.addr, "--data", s.data[i])
}

// stop ends the edges as an operator does: they settle what they sold, and give back the rest.
func (s *frontStage) stop(t testing.TB) {
	t.Helper()
	for _, e := range s.edges {
		e.stop(t)
	}
}

// 50,000 buys go through nginx. Edges are killed and come back, and one hangs after it has sold. No unit has two owners. The
// units with an owner are those that winners were told of, and those whose buyers heard "unknown".
func TestNoUnitIsLostOrSoldTwiceThroughNginx(t *testing.T) {
	const (
		requests, units = 50_000, 30_000
		rate            = 5_000 // a second, so the faults of the first five seconds happen in full sale
		swallowed       = 100   // fewer than the connections, so that the other connections go on
	)
	s := newFrontStage(t)
	mustSpike(t, "sale", "create", "ticket", "--total", strconv.Itoa(units), "--hold", "30m", "--redis", s.redis.addr)
	w, begin := &told{owner: map[uint32]string{}}, time.Now()
	script := []struct {
		at time.Duration
		do func()
	}{
		{1 * time.Second, func() { s.kill(t, 0) }},
		{2 * time.Second, func() { s.answerEater.toSwallow.Store(swallowed) }},
		{2500 * time.Millisecond, func() { s.kill(t, 1) }},
		{4 * time.Second, func() { s.kill(t, 2) }},
		{5 * time.Second, func() { s.kill(t, 0) }},
	}
	w.run(t, s.front+"/buy/ticket", requests, rate, func() {
		if len(script) > 0 && time.Since(begin) >= script[0].at {
			script[0].do()
			script = script[1:]
		}
	})
	t.Logf("%d told, %d heard that there is none, %d undecided, in %v", len(w.owner), w.none, w.undecided,
		time.Since(begin).Round(time.Millisecond))
	if len(script) > 0 || s.answerEater.toSwallow.Load() > 0 || len(w.odd) > 0 || len(w.twice) > 0 {
		t.Fatalf("%d acts were not played; odd answers %.3q, serials twice %v", len(script), w.odd, w.twice)
	}
	w.confirm(t, s.edges[0])
	s.stop(t)
	s.settled(t, w, units)
}

// settled compares what the crowd was told with the ledger.
func (s *frontStage) settled(t *testing.T, w *told, units int) {
	t.Helper()
	a := s.redis.audit(t, "ticket")
	if a.Leased+a.Limbo > 0 || a.Confirmed != uint64(len(w.owner)) || a.Free+a.Pending+a.Confirmed != uint64(units) {
		t.Errorf("%d were told: %+v", len(w.owner), a)
	}
	if a.Pending == 0 || a.Pending > uint64(w.undecided) {
		t.Errorf("%d claims that nobody was told of, %d undecided", a.Pending, w.undecided)
	}
	unanswered := 0
	owners := s.redis.owners(t, "ticket")
	for serial, state := range owners {
		_, known := w.owner[serial]
		if known != (state == 'c') {
			t.Errorf("serial %d: told %v, in the ledger %c", serial, known, state)
		}
		if !known {
			unanswered++
		}
	}
	if len(owners) != len(w.owner)+unanswered || uint64(unanswered) != a.Pending {
		t.Errorf("%d owned, %d told, %d unanswered, %d pending", len(owners), len(w.owner), unanswered, a.Pending)
	}
	out, _ := json.Marshal(a)
	t.Logf("%d owned = %d told + %d unanswered; %s", len(owners), len(w.owner), unanswered, out)
}
