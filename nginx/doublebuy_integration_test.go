//go:build integration

package nginx

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A failure is what an edge does after it has read a whole request, when it may have sold.
type failure int

const (
	sells      failure = iota // answers: no failure
	closes                    // hangs up, as an ending process does
	resets                    // hangs up with RST, as a killed process does
	halfAnswer                // hangs up within the headers of its answer
	hangs                     // never answers
	staleReuse                // answers the first request of a connection, and hangs up on the second: the keep-alive race
)

func (f failure) String() string {
	return [...]string{"sells", "closes", "resets", "half an answer", "hangs", "stale reuse"}[f]
}

// TestNoDoubleBuy sends buys through nginx to one edge that sells and one that reads a buy and then fails. nginx gives every buy
// an X-Request-ID, and keeps it through its retries. So a buy that reaches edges twice shows.
func TestNoDoubleBuy(t *testing.T) {
	t.Parallel()
	for _, way := range []struct{ method, path string }{
		{http.MethodGet, "/buy/ticket"}, {http.MethodPost, "/buy/ticket"}, {http.MethodPut, "/buy/ticket"},
		{http.MethodPost, "/v1/sales/ticket/reservations"}, {http.MethodPost, "/v1/reservations/x/cancel"},
	} {
		for _, f := range []failure{closes, resets, halfAnswer, hangs, staleReuse} {
			t.Run(way.method+" "+way.path+" "+f.String(), func(t *testing.T) {
				t.Parallel()
				seen, failing, got := doubleBuy(t, way.method, way.path, f, asRendered)
				if twice := seen.twice(); len(twice) > 0 {
					t.Errorf("%d buys were sent twice: %v", len(twice), twice)
				}
				lost := seen.failedAt(failing)
				got.want(t, http.StatusServiceUnavailable, lost)
				got.want(t, http.StatusOK, buys-lost)
				if lost == 0 {
					t.Error("the failing edge was never asked: nothing was tested")
				}
				t.Logf("%d buys: %v, %d read by the failing edge, %d sent twice", buys, got.Statuses, lost, len(seen.twice()))
			})
		}
	}
}

// TestTheOtherWaysBuyTwice is the control. It shows that the harness sees a double buy, and why the configuration does not rely
// on nginx's own idea of a safe retry.
func TestTheOtherWaysBuyTwice(t *testing.T) {
	for name, ours := range map[string]string{
		"nginx's default":     "proxy_next_upstream error timeout;",
		"proxy_method POST":   "proxy_next_upstream error timeout; proxy_method POST;",
		"errors only":         "proxy_next_upstream error;",
		"unbuffered requests": "proxy_next_upstream error timeout; proxy_request_buffering off;",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen, _, got := doubleBuy(t, http.MethodGet, "/buy/ticket", closes, func(conf string) string {
				const off = "proxy_next_upstream  off;"
				if !strings.Contains(conf, off) {
					t.Fatal("the configuration has no such line: ", off)
				}
				return strings.Replace(conf, off, ours, 1)
			})
			t.Logf("%d buys: %v, %d sent twice", buys, got.Statuses, len(seen.twice()))
			if len(seen.twice()) == 0 {
				t.Error("nothing was sent twice")
			}
		})
	}
}

const buys = 300

func doubleBuy(t *testing.T, method, path string, f failure, edit change) (*visits, string, answers) {
	t.Helper()
	seen := new(visits)
	good, bad := newEdge(t, seen, sells), newEdge(t, seen, f)
	base := start(t, Topology{Workers: 1, Edges: []Edge{{good.addr, 1}, {bad.addr, 1}}}, edit)
	return seen, bad.addr, crowd(t, base, method, path, buys, 100)
}

// TestRefusedIsAskedElsewhere: an edge that is gone costs no buyer anything.
func TestRefusedIsAskedElsewhere(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		for _, gone := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s, %d gone", method, gone), func(t *testing.T) {
				t.Parallel()
				var seen visits
				good := newEdge(t, &seen, sells)
				topology := Topology{Workers: 2, Edges: []Edge{{good.addr, 1}}}
				for _, addr := range refusedAddrs(gone) {
					topology.Edges = append(topology.Edges, Edge{addr, 4})
				}
				base := start(t, topology, asRendered)
				crowd(t, base, method, "/buy/ticket", 600, 50).want(t, http.StatusOK, 600)
				time.Sleep(2100 * time.Millisecond) // the dead edges are due for another try
				crowd(t, base, method, "/buy/ticket", 600, 50).want(t, http.StatusOK, 600)
				if n, twice := seen.at(good.addr), seen.twice(); n != 1200 || len(twice) > 0 {
					t.Errorf("%d of 1200 arrived, %d twice", n, len(twice))
				}
			})
		}
	}
}

// TestUnreachableIsAskedElsewhere: the machine is gone, so no connection is refused. nginx waits a second, once.
func TestUnreachableIsAskedElsewhere(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux: a full backlog drops SYNs there")
	}
	var seen visits
	good := newEdge(t, &seen, sells)
	base := start(t, Topology{Edges: []Edge{{good.addr, 1}, {deafAddr(t), 1}}}, asRendered)
	begin := time.Now()
	crowd(t, base, http.MethodGet, "/buy/ticket", 200, 50).want(t, http.StatusOK, 200)
	if took := time.Since(begin); took < time.Second || took > 10*time.Second {
		t.Errorf("took %v, want the second of one attempt and little more", took)
	}
	if twice := seen.twice(); len(twice) > 0 {
		t.Errorf("%d sent twice", len(twice))
	}
}

// TestKilledEdge: an edge dies under load with open connections. Only buys that it may have read hear 503.
func TestKilledEdge(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			var seen visits
			a, b := newEdge(t, &seen, sells), newEdge(t, &seen, sells)
			base := start(t, Topology{Edges: []Edge{{a.addr, 1}, {b.addr, 1}}}, asRendered)
			killed := make(chan struct{})
			go func() {
				defer close(killed)
				for seen.at(b.addr) < 100 {
					time.Sleep(time.Millisecond)
				}
				b.kill()
			}()
			got := crowd(t, base, method, "/buy/ticket", 2000, 50)
			<-killed
			undecided := int(got.Statuses[http.StatusServiceUnavailable])
			got.want(t, http.StatusOK, 2000-undecided)
			if undecided > 50 {
				t.Errorf("%d undecided, but at most 50 were under way", undecided)
			}
			if twice := seen.twice(); len(twice) > 0 {
				t.Errorf("%d buys were sent twice", len(twice))
			}
			t.Logf("%v, %d read by the killed edge", got.Statuses, seen.at(b.addr))
		})
	}
}

// visits notes every request that any edge has read to its end.
type visits struct {
	mu     sync.Mutex
	byID   map[string]int
	byEdge map[string]int
	failed map[string]int
}

func (l *visits) note(addr, id string, failed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byID == nil {
		l.byID, l.byEdge, l.failed = map[string]int{}, map[string]int{}, map[string]int{}
	}
	l.byID[id]++
	l.byEdge[addr]++
	if failed {
		l.failed[addr]++
	}
}

func (l *visits) at(addr string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byEdge[addr]
}

func (l *visits) failedAt(addr string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed[addr]
}

func (l *visits) twice() (ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, n := range l.byID {
		if n > 1 || id == "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// edgeServer is an edge as nginx sees it, byte by byte.
type edgeServer struct {
	addr     string
	listener net.Listener
	seen     *visits
	failure  failure

	mu    sync.Mutex
	dead  bool
	conns []net.Conn
}

func newEdge(t *testing.T, seen *visits, f failure) *edgeServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &edgeServer{addr: l.Addr().String(), listener: l, seen: seen, failure: f}
	go e.accept()
	t.Cleanup(e.kill)
	return e
}

func (e *edgeServer) accept() {
	for {
		conn, err := e.listener.Accept()
		if err != nil {
			return
		}
		e.mu.Lock()
		e.conns = append(e.conns, conn)
		dead := e.dead
		e.mu.Unlock()
		if dead {
			_ = conn.Close()
			return
		}
		go e.serve(conn)
	}
}

// kill closes the port and resets every connection, as the kernel does for a killed process.
func (e *edgeServer) kill() {
	_ = e.listener.Close()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dead = true
	for _, c := range e.conns {
		reset(c)
	}
}

func reset(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

func (e *edgeServer) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	for nth := 1; ; nth++ {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		fails := e.failure != sells && (e.failure != staleReuse || nth > 1)
		e.seen.note(e.addr, req.Header.Get("X-Request-ID"), fails)
		time.Sleep(time.Millisecond)
		if fails {
			e.fail(conn)
			return
		}
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"code\":1}"); err != nil {
			return
		}
	}
}

func (e *edgeServer) fail(conn net.Conn) {
	switch e.failure {
	case resets:
		reset(conn)
	case halfAnswer:
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Le")
	case hangs:
		_, _ = io.Copy(io.Discard, conn) // until nginx gives up
	default: // the end of the connection is the failure
	}
}

// deafAddr is an address with a full backlog: it neither accepts nor refuses.
func deafAddr(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err == nil {
		err = syscall.Listen(fd, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for {
		conn, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
}
