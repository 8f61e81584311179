//go:build e2e

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
)

var nextPort = func() *atomic.Int32 {
	var n atomic.Int32
	n.Store(20000 + rand.Int32N(8000)) // below the ports that kernels give to connections: a flood takes many of those
	return &n
}()

// lowPort returns a port that is free on every address.
func lowPort(t testing.TB) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(int(nextPort.Add(1)))
		if l, err := net.Listen("tcp", ":"+port); err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return ""
}

// floodedEdge starts an edge that buyers reach without nginx, on every address of this machine. It trusts no proxy, and may
// open so many files.
func floodedEdge(t testing.TB, files int) (e *testServer, port string) {
	t.Helper()
	port = lowPort(t)
	admin := "127.0.0.1:" + lowPort(t)
	return runEdge(t, rigtest.Options{Addr: ":" + port, Admin: admin, Args: []string{"--trusted-proxies", "10.255.255.0/24"},
		Under: []string{"sh", "-c", `ulimit -n "$0" && exec "$@"`, strconv.Itoa(files)}}), port
}

// dialFrom connects from a given address of this machine.
func dialFrom(source, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
	return d.Dial("tcp", addr)
}

// buysFrom buys n times, each time on a new connection. It counts the answers by status; status 0 is no answer.
func buysFrom(source, addr string, n int) map[int]int {
	heard := map[int]int{}
	for range n {
		heard[oneBuy(source, addr)]++
	}
	return heard
}

func oneBuy(source, addr string) int {
	c, err := dialFrom(source, addr)
	if err != nil {
		return 0
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(c, "GET /buy/ticket HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	_ = r.Body.Close()
	return r.StatusCode
}

// flood is many connections from one source.
type flood struct {
	mu    sync.Mutex
	conns []net.Conn
	over  chan struct{}
	doing sync.WaitGroup
}

// open makes n connections. It first writes drip to each. If slow is not "", it then writes slow byte by byte, with pauses.
func (f *flood) open(t testing.TB, source, addr string, n int, drip, slow string) {
	t.Helper()
	for range n {
		c, err := dialFrom(source, addr)
		if err != nil {
			t.Fatalf("the flood cannot connect: %v", err)
		}
		f.mu.Lock()
		f.conns = append(f.conns, c)
		f.mu.Unlock()
		_, _ = io.WriteString(c, drip)
		if slow != "" {
			f.doing.Go(func() { f.dribble(c, slow) })
		}
	}
}

func (f *flood) dribble(c net.Conn, slow string) {
	for i := 0; ; i++ {
		select {
		case <-f.over:
			return
		case <-time.After(500 * time.Millisecond):
		}
		if _, err := c.Write([]byte{slow[i%len(slow)]}); err != nil {
			return
		}
	}
}

// held counts the connections that the edge has not ended.
func (f *flood) held() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			n++
		}
	}
	return n
}

func (f *flood) end() {
	close(f.over)
	f.doing.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		_ = c.Close()
	}
}

// kinds are kinds of connections that never complete a buy.
var kinds = []struct{ name, first, slow string }{
	{"silent", "", ""},
	{"half sent", "GET /buy/ticket HTTP/1.1\r\nHo", ""},
	{"slow headers", "GET /buy/ticket HTTP/1.1\r\n", "X-A: b\r\n"},
	{"slow body", "POST /v1/sales/ticket/reservations HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n", " "},
	{"slow chunks", "POST /v1/sales/ticket/reservations HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n"},
	{"kept alive", "GET /v1/sales/ticket HTTP/1.1\r\nHost: a\r\n\r\n", ""},
	{"never reads", strings.Repeat("GET /openapi.yaml HTTP/1.1\r\nHost: a\r\n\r\n", 400), ""},
}

// One source opens more connections than the edge has files, over IPv4 or IPv6, in all slow ways. Meanwhile a buyer from
// another source is answered. Afterwards the edge uses as much as before.
// It proves G57.
func TestOneSourceStarvesNobody(t *testing.T) {
	t.Parallel()
	for name, flooder := range map[string]struct{ source, host string }{
		"IPv4": {"127.0.0.1", "127.0.0.1"}, "IPv6": {"::1", "::1"}, "IPv4 through IPv6": {"127.0.0.3", "::ffff:127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			if flooder.source == "::1" && !haveIPv6() {
				t.Skip("this machine has no ::1")
			}
			t.Parallel()
			const files, each, more = 1500, 40, 1500 // of each kind; then more silent connections
			edge, port := floodedEdge(t, files)
			honest := net.JoinHostPort("127.0.0.1", port)
			if heard := buysFrom("127.0.0.2", honest, 20); heard[200] != 20 {
				t.Fatalf("before: %v", heard)
			}
			before := edge.usage(t)
			f := &flood{over: make(chan struct{})}
			for _, k := range kinds {
				f.open(t, flooder.source, net.JoinHostPort(flooder.host, port), each, k.first, k.slow)
				if heard := buysFrom("127.0.0.2", honest, 30); heard[200] != 30 {
					t.Errorf("%s: a buyer from elsewhere heard %v", k.name, heard)
				}
			}
			f.open(t, flooder.source, net.JoinHostPort(flooder.host, port), more, "", "")
			if heard := buysFrom("127.0.0.2", honest, 30); heard[200] != 30 {
				t.Errorf("%d connections: a buyer from elsewhere heard %v", len(f.conns), heard)
			}
			share, held := (files-256)/4, 0
			eventually(t, patience, "the flood has its share and no more", func() bool {
				held = f.held()
				return held > share/2 && held <= share
			})
			during := edge.usage(t)
			if during.files > before.files+share+8 {
				t.Errorf("%d files open, %d before", during.files, before.files)
			}
			t.Logf("before %+v, in the flood %+v, %d of %d connections held", before, during, held, len(f.conns))
			f.end()
			edge.backTo(t, before)
		})
	}
}

// The edge ends a connection that never ends its request or never reads its answers, even if its source has fewer than its
// share of connections.
// It proves G57.
func TestSlowRequestsAreEnded(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		if k.name == "kept alive" && !long() {
			continue // an idle connection may stay for a minute
		}
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			edge, port := floodedEdge(t, 1500)
			before := edge.usage(t)
			f := &flood{over: make(chan struct{})}
			defer f.end()
			f.open(t, "127.0.0.1", net.JoinHostPort("127.0.0.1", port), 8, k.first, k.slow)
			eventually(t, patience, "they are waited for", func() bool { return edge.usage(t).files >= before.files+8 })
			edge.backTo(t, before)
		})
	}
}

// There are more source addresses than files. The edge turns away the connections that it has no file for, and lives.
func TestManySourcesDoNotEndTheEdge(t *testing.T) {
	t.Parallel()
	const files = 600
	edge, port := floodedEdge(t, files)
	addr := net.JoinHostPort("127.0.0.1", port)
	before := edge.usage(t)
	f := &flood{over: make(chan struct{})}
	for i := range 20 {
		f.open(t, fmt.Sprintf("127.0.1.%d", i+1), addr, 60, "", "")
	}
	eventually(t, patience, "the edge holds what it has files for", func() bool {
		held := f.held()
		return held > 0 && held <= files-256
	})
	if status := oneBuy("127.0.0.2", addr); status != 503 && status != 0 && status != 200 {
		t.Errorf("one too many heard %d", status)
	}
	f.end()
	eventually(t, patience, "buyers are answered again", func() bool { return oneBuy("127.0.0.2", addr) == 200 })
	edge.backTo(t, before)
	edge.stop(t)
}

// A flood on the operators' listener, without the token, neither ends the edge nor keeps files for long.
func TestFloodOfTheOperatorsSide(t *testing.T) {
	t.Parallel()
	at := outside(t).String()
	port := lowPort(t)
	edge := runEdge(t, rigtest.Options{Addr: "127.0.0.1:" + lowPort(t), Admin: "127.0.0.1:" + port,
		Args: []string{"--admin", "0.0.0.0:" + port}, Env: []string{"SPIKE_ADMIN_TOKEN=t0ken"},
		Under: []string{"sh", "-c", `ulimit -n "$0" && exec "$@"`, "600"}})
	f := &flood{over: make(chan struct{})}
	defer f.end()
	for _, first := range []string{
		"",
		"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /api/v1/sales HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{",
		"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{",
		"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{",
	} {
		f.open(t, at, net.JoinHostPort(at, port), 200, first, "")
	}
	eventually(t, patience, "a stranger has its share and no more", func() bool { return f.held() <= 32 })
	for range 20 {
		if status, _ := ask(t, "GET", "127.0.0.1:"+port, "/healthz", "", ""); status != 200 {
			t.Errorf("the operators hear %d", status)
		}
		if status := oneBuy("127.0.0.2", edge.addr); status != 200 {
			t.Errorf("a buyer hears %d", status)
		}
	}
	fresh := &flood{over: make(chan struct{})} // the others may idle between requests
	defer fresh.end()
	fresh.conns = f.conns[400:]
	eventually(t, patience, "those in the middle of a request are ended", func() bool { return fresh.held() == 0 })
}

func haveIPv6() bool {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}

// usage is what an edge uses.
type usage struct{ files, goroutines, heapKiB int }

// usage collects garbage first.
func (e *testServer) usage(t testing.TB) (w usage) {
	t.Helper()
	get(t, "GET", "http://"+e.admin+"/debug/pprof/heap?gc=1&debug=1")
	m := e.metrics(t)
	gauge := func(name string) int {
		if !m.Has(name) {
			t.Fatalf("no %s in the metrics", name)
		}
		return int(m.Sum(name))
	}
	dir, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", e.PID()))
	if err != nil {
		t.Fatal(err)
	}
	return usage{len(dir), gauge("go_goroutines"), gauge("go_memstats_heap_alloc_bytes") >> 10}
}

// backTo waits until an edge without its flood uses no more than before.
func (e *testServer) backTo(t testing.TB, before usage) {
	t.Helper()
	var now usage
	eventually(t, 100*time.Second, "files, goroutines and memory come back", func() bool {
		time.Sleep(500 * time.Millisecond)
		now = e.usage(t)
		return now.files <= before.files+2 && now.goroutines <= before.goroutines+6 && now.heapKiB <= before.heapKiB+4096
	})
	t.Logf("afterwards %+v", now)
}
