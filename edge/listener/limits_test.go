package listener

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"spike/edge/internal/wiretest"
)

func peerAt(text string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(text)) }

func nobodyTrusted(net.Addr) bool { return false }

var someRefusals = Refusals{Here: []byte("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 4\r\nConnection: close\r\n\r\nhere"),
	All: []byte("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\nConnection: close\r\n\r\nall")}

// newTestSources allows `most` connections, and `each` of one source.
func newTestSources(most, each int, exempt func(net.Addr) bool) *Limits {
	return &Limits{most: most, each: each, exempt: exempt, no: someRefusals, from: map[netip.Addr]int{}}
}

func TestSourcesOfConnections(t *testing.T) {
	for peer, want := range map[string]string{
		"10.0.0.1:1": "10.0.0.1", "10.0.0.1:2": "10.0.0.1", "10.0.0.2:1": "10.0.0.2", "[::ffff:10.0.0.1]:1": "10.0.0.1",
		"[2001:db8:1:2:3:4:5:6]:1": "2001:db8:1:2::", "[2001:db8:1:2:ffff::]:1": "2001:db8:1:2::",
		"[2001:db8:1:3::1]:1": "2001:db8:1:3::",
		"[fe80::1%eth0]:1":    "fe80::", "[::1]:1": "::",
	} {
		if got := sourceOf(peerAt(peer)); got.String() != want {
			t.Errorf("%s: %v, want %s", peer, got, want)
		}
	}
}

func TestNoSourceTakesAll(t *testing.T) {
	s := newTestSources(8, 2, func(a net.Addr) bool { return a.String() == "127.0.0.1:1" })
	enter := func(peer, want string) (leave func()) {
		t.Helper()
		leave, no := s.enter(peerAt(peer))
		if got := string(no[:min(len(no), 12)]); got != want {
			t.Errorf("%s: %q, want %q", peer, got, want)
		}
		return leave
	}
	const full, busy = "HTTP/1.1 429", "HTTP/1.1 503"
	first := enter("[2001:db8::1]:1", "")
	enter("[2001:db8::2]:1", "")
	enter("[2001:db8::3]:1", full) // the same customer
	enter("10.0.0.1:1", "")
	second := enter("[::ffff:10.0.0.1]:1", "")
	enter("10.0.0.1:3", full)
	for range 4 {
		enter("127.0.0.1:1", "") // a proxy may have as many connections as there is room for
	}
	enter("10.0.0.2:1", busy)
	enter("127.0.0.1:1", busy)
	first()
	enter("10.0.0.1:1", full)
	enter("[2001:db8::9]:1", "")
	second()
	enter("10.0.0.1:1", "")
	if len(s.from) != 2 || s.all != 8 {
		t.Errorf("%+v", s)
	}
}

// Nothing is kept about sources without connections.
func TestSourcesAreForgotten(t *testing.T) {
	s := newTestSources(1000, 3, nobodyTrusted)
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			peer := net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i % 16)}), 1))
			for range 500 {
				if leave, no := s.enter(peer); no == nil {
					leave()
				}
			}
		})
	}
	all.Wait()
	if s.all != 0 || len(s.from) != 0 {
		t.Errorf("%d connections of %v", s.all, s.from)
	}
}

func TestLimitsFitTheProcess(t *testing.T) {
	s := NewLimits(nobodyTrusted, someRefusals)
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	if s.most < 4 || uint64(s.most) > max(files.Cur, 4) || s.each < 1 || s.each > maxPerSource || s.each > s.most/4 {
		t.Errorf("%d connections, %d of a source, with %d files", s.most, s.each, files.Cur)
	}
}

// failing is a listener that fails so often before it returns a connection.
type failing struct {
	net.Listener
	errs []error
	conn net.Conn
}

func (f *failing) Accept() (net.Conn, error) {
	if len(f.errs) > 0 {
		err := f.errs[0]
		f.errs = f.errs[1:]
		return nil, &net.OpError{Op: "accept", Err: err}
	}
	return f.conn, nil
}

// peered is a connection with a peer's address.
type peered struct {
	net.Conn
	peer   net.Addr
	closed int
}

func (p *peered) RemoteAddr() net.Addr { return p.peer }

func (p *peered) Close() error { p.closed++; return nil }

// An edge that is out of files goes on when there are files again. Only a closed listener ends it.
func TestOutOfFilesPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestSources(4, 1, nobodyTrusted)
		in := &peered{peer: peerAt("10.0.0.1:1")}
		l := s.Listener(&failing{errs: []error{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED, syscall.ENOBUFS}, conn: in})
		c, err := l.Accept()
		if err != nil || s.all != 1 {
			t.Fatalf("%v, %d counted", err, s.all)
		}
		_, _ = c.Close(), c.Close()
		if s.all != 0 || in.closed != 2 {
			t.Errorf("%d counted, closed %d times", s.all, in.closed)
		}
		if _, err = s.Listener(&failing{errs: []error{net.ErrClosed}}).Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v", err)
		}
	})
}

// A refused connection gets the reason. The server's connections are given back when it closes them.
func TestTooManyHearWhy(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newTestSources(8, 2, nobodyTrusted)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "in")
	}),
		ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(s.Listener(l)) }()
	defer func() { _, _ = server.Close(), <-served }()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	first, second := dial(), dial()
	for _, c := range []net.Conn{first, second} {
		if status, _ := wiretest.OneAnswer(t, c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); status != 200 {
			t.Fatal(status)
		}
	}
	status, body := wiretest.OneAnswer(t, dial(), "")
	if status != 429 || body != "here" {
		t.Errorf("%d %s", status, body)
	}
	_ = first.Close()
	for status = 0; status != 200; {
		c := dial()
		status, _ = wiretest.OneAnswer(t, c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	}
}

// FuzzSource: an IPv4 connection counts for its address, and an IPv6 connection for its network, in whatever form they are
// written.
func FuzzSource(f *testing.F) {
	for _, seed := range []string{"10.0.0.1:1", "[::ffff:10.0.0.1]:1", "[2001:db8::1]:9", "[fe80::1%eth0]:1", "[::1]:1",
		"[::10.0.0.1]:1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		peer, err := netip.ParseAddrPort(text)
		if err != nil {
			return
		}
		got, a := sourceOf(peerAt(text)), peer.Addr().Unmap()
		if !got.IsValid() || got.Zone() != "" || got.Is4() != a.Is4() || a.Is4() && got != a {
			t.Errorf("%s: %v", text, got)
		}
		if a.Is6() && !netip.PrefixFrom(got, 64).Contains(a.WithZone("")) {
			t.Errorf("%s: %v", text, got)
		}
	})
}

// Connections are counted while they are open, and those that were turned away for good.
func TestLimitsCount(t *testing.T) {
	s := NewLimits(func(net.Addr) bool { return false }, Refusals{Here: []byte("no"), All: []byte("no")})
	s.each = 2
	peer := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}
	var leaves []func()
	for range 5 {
		if leave, no := s.enter(peer); no == nil {
			leaves = append(leaves, leave)
		}
	}
	if open, refused := s.Count(); open != 2 || refused != 3 {
		t.Errorf("%d open, %d refused", open, refused)
	}
	for _, leave := range leaves {
		leave()
	}
	if open, refused := s.Count(); open != 0 || refused != 3 {
		t.Errorf("%d open, %d refused", open, refused)
	}
}
