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
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/nginx"
)

// These tests buy through nginx, while the edges behind it die.

// startNginx runs nginx as `spike nginx` configures it, and returns its URL.
func startNginx(t testing.TB, workers int, edges []nginx.Edge) string {
	t.Helper()
	addr, topology := rigtest.FreeAddr(t), filepath.Join(t.TempDir(), "topology.yaml")
	text := fmt.Sprintf("listen: %s\nworkers: %d\naccess_log: access.log\nedges:\n", addr, workers)
	for _, e := range edges {
		text += fmt.Sprintf("  - {addr: %s, weight: %d}\n", e.Addr, e.Weight)
	}
	write(t, topology, text)
	return runNginx(t, topology, addr)
}

// runNginx runs nginx as `spike nginx` configures it for a topology that listens on addr. It returns its URL.
func runNginx(t testing.TB, topology, addr string) string {
	t.Helper()
	launchNginx(t, topology, addr)
	return "http://" + addr
}

// launchNginx does the same, and returns nginx itself.
func launchNginx(t testing.TB, topology, addr string) *rigtest.Nginx {
	t.Helper()
	return rigtest.StartNginx(t, rigtest.NginxOptions{Addr: addr, Conf: mustSpike(t, "nginx", "--topology", topology)})
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The article's picture, checked by the edges' own counters: ab -n 1000 -c 100 over weights 1:2:3:4, with one worker and with
// two.
func TestWeightsByTheEdgesOwnCounters(t *testing.T) {
	redis := startRedis(t)
	var edges []*testServer
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

// runFront sends requests at a rate, half of them GET and half POST. Meanwhile it calls between again and again.
func runFront(t testing.TB, w *rigtest.Wins, url string, requests int64, rate float64, between func()) {
	t.Helper()
	var crowd sync.WaitGroup
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		crowd.Go(func() {
			r, err := rigtest.RunCrowd(context.Background(), rigtest.CrowdOptions{URLs: []string{url}, Method: method, Connections: 128,
				Requests: requests / 2, Rate: rate / 2, Timeout: 30 * time.Second, Heard: w.Hear})
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

// confirmAll pays for every unit that a buyer was told of.
func confirmAll(t testing.TB, w *rigtest.Wins, e *testServer) {
	t.Helper()
	tokens := make(chan string)
	var payers sync.WaitGroup
	var refused atomic.Int64
	for range 16 {
		payers.Go(func() {
			c := rigtest.NewConn(t, e.admin)
			for token := range tokens {
				if a, err := c.Ask("POST", "/api/v1/reservations/"+token+"/confirm"); err != nil || a.Word() != rigtest.Confirmed {
					refused.Add(1)
				}
			}
		})
	}
	for _, won := range w.Units() {
		tokens <- won.Token
	}
	close(tokens)
	payers.Wait()
	if n := refused.Load(); n > 0 {
		t.Errorf("%d of %d winners could not confirm", n, w.Count(rigtest.Won))
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
	edges       []*testServer
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
	s.edges[i] = runEdge(t, rigtest.Options{Addr: e.addr, Admin: e.admin, Redis: s.redis.addr, Args: []string{"--data", s.data[i]}})
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
// It proves G3.
func TestNoUnitIsLostOrSoldTwiceThroughNginx(t *testing.T) {
	const (
		requests, units = 50_000, 30_000
		rate            = 5_000 // a second, so the faults of the first five seconds happen in full sale
		swallowed       = 100   // fewer than the connections, so that the other connections go on
	)
	s := newFrontStage(t)
	mustSpike(t, "sale", "create", "ticket", "--total", strconv.Itoa(units), "--hold", "30m", "--redis", s.redis.addr)
	w, begin := &rigtest.Wins{Keep: true}, time.Now()
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
	runFront(t, w, s.front+"/buy/ticket", requests, rate, func() {
		if len(script) > 0 && time.Since(begin) >= script[0].at {
			script[0].do()
			script = script[1:]
		}
	})
	t.Logf("%d told, %d heard that there is none, %d undecided, in %v", w.Count(rigtest.Won),
		w.Count(rigtest.SoldOut, rigtest.NoneNow), w.Count(rigtest.Undecided),
		time.Since(begin).Round(time.Millisecond))
	if len(script) > 0 || s.answerEater.toSwallow.Load() > 0 || w.Odd() != "" || len(w.Twice()) > 0 {
		t.Fatalf("%d acts were not played; odd answers %s, serials twice %v", len(script), w.Odd(), w.Twice())
	}
	confirmAll(t, w, s.edges[0])
	s.stop(t)
	s.settled(t, w, units)
}

// settled compares what the crowd was told with the ledger.
func (s *frontStage) settled(t *testing.T, w *rigtest.Wins, units int) {
	t.Helper()
	a := s.redis.audit(t, "ticket")
	if a.Leased+a.Limbo > 0 || a.Confirmed != uint64(w.Count(rigtest.Won)) || a.Free+a.Pending+a.Confirmed != uint64(units) {
		t.Errorf("%d were told: %+v", w.Count(rigtest.Won), a)
	}
	if a.Pending == 0 || a.Pending > uint64(w.Count(rigtest.Undecided)) {
		t.Errorf("%d claims that nobody was told of, %d undecided", a.Pending, w.Count(rigtest.Undecided))
	}
	unanswered := 0
	owners := s.redis.owners(t, "ticket")
	for serial, state := range owners {
		known := w.Has(uint64(serial))
		if known != (state == 'c') {
			t.Errorf("serial %d: told %v, in the ledger %c", serial, known, state)
		}
		if !known {
			unanswered++
		}
	}
	if len(owners) != w.Count(rigtest.Won)+unanswered || uint64(unanswered) != a.Pending {
		t.Errorf("%d owned, %d told, %d unanswered, %d pending", len(owners), w.Count(rigtest.Won), unanswered, a.Pending)
	}
	out, _ := json.Marshal(a)
	t.Logf("%d owned = %d told + %d unanswered; %s", len(owners), w.Count(rigtest.Won), unanswered, out)
}
