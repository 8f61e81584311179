//go:build linux

package listener

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"
)

const (
	plainRequest = "GET /buy/ticket HTTP/1.1\r\nHost: a\r\n\r\n"
	otherRequest = "GET /other HTTP/1.1\r\nHost: a\r\n\r\n"
)

// plainSite is a server that answers plain requests with "plain" as they are read, and other requests with "other" or their body.
type plainSite struct {
	server *fasthttp.Server
	addr   string
	body   string // of plain answers
	plain  atomic.Int64
	waits  chan chan struct{} // each plain request sends what it waits for; nil: none waits
	ended  chan error
}

func newPlainSite(t *testing.T) *plainSite {
	t.Helper()
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &plainSite{addr: l.Addr().String(), body: "plain", ended: make(chan error, 1)}
	s.server = &fasthttp.Server{ReadBufferSize: MaxHeader, ReadTimeout: ReadTimeout, WriteTimeout: SendTimeout,
		IdleTimeout: IdleTimeout, ReduceMemoryUsage: true,
		CloseOnShutdown: true, Handler: func(ctx *fasthttp.RequestCtx) {
			if body := ctx.Request.Body(); len(body) > 0 {
				ctx.SetBody(body)
				return
			}
			ctx.SetBodyString("other")
		}}
	go func() { s.ended <- s.server.Serve(Coarse{Listener: l, Plain: s.answer}) }()
	t.Cleanup(func() {
		_ = s.server.Shutdown()
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *plainSite) answer(_ net.Addr, in, to []byte) (used int, answers []byte) {
	for bytes.HasPrefix(in[used:], []byte(plainRequest)) {
		used += len(plainRequest)
		if s.waits != nil {
			wait := make(chan struct{})
			s.waits <- wait
			<-wait
		}
		to = fmt.Appendf(to, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(s.body), s.body)
		s.plain.Add(1)
	}
	return used, to
}

// dial returns a connection on which one request was answered, so that the next ones may be plain.
func (s *plainSite) dial(t *testing.T) (*net.TCPConn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	in := bufio.NewReader(c)
	s.ask(t, c, in, otherRequest, "other")
	return c.(*net.TCPConn), in
}

func (s *plainSite) ask(t *testing.T, c net.Conn, in *bufio.Reader, request string, want ...string) {
	t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		if got := readBody(t, in); got != w {
			t.Fatalf("answer %d to %.200q: %.200q, want %.200q", i, request, got, w)
		}
	}
}

func readBody(t *testing.T, in *bufio.Reader) string {
	t.Helper()
	r, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// Plain and other requests alternate on a connection, one by one, several at once, and in pieces.
func TestPlainRequestsAndOthers(t *testing.T) {
	s := newPlainSite(t)
	c, in := s.dial(t)
	s.ask(t, c, in, plainRequest, "plain")
	s.ask(t, c, in, otherRequest, "other")
	// fasthttp has read the requests behind the third one already
	s.ask(t, c, in, plainRequest+plainRequest+otherRequest+plainRequest, "plain", "plain", "other", "other")
	s.ask(t, c, in, strings.Repeat(plainRequest, 3), "plain", "plain", "plain")
	s.ask(t, c, in, plainRequest+plainRequest[:20], "plain")
	s.ask(t, c, in, plainRequest[20:], "other")
	many := MaxHeader/len(plainRequest) + 20 // more than the buffer
	s.ask(t, c, in, strings.Repeat(plainRequest, many))
	for range many {
		// fasthttp answers the request that the buffer cuts in two, and the requests that it reads with it
		if got := readBody(t, in); got != "plain" && got != "other" {
			t.Fatal(got)
		}
	}
	s.ask(t, c, in, plainRequest, "plain")
}

// A body that looks like a plain request is still a body: by itself; after the server asked for it, alone or behind another
// answer; behind answers that overflow the HTTP server's buffer; behind a head in two pieces with an answer between them.
func TestBodiesAreNotPlainRequests(t *testing.T) {
	s := newPlainSite(t)
	head := "POST /other HTTP/1.1\r\nHost: a\r\nContent-Length: 37\r\n"
	ask := head + "Expect: 100-continue\r\n\r\n"
	const goOn = "HTTP/1.1 100 Continue\r\n\r\n"
	for name, way := range map[string]struct {
		first, heard, rest string
		others             int // requests before the one with the body
	}{
		"by itself":         {first: head + "\r\n"},
		"asked for":         {first: ask, heard: goOn},
		"asked for, behind": {first: otherRequest + ask, heard: "other" + goOn},
		"behind many":       {first: strings.Repeat(otherRequest, 60) + head + "\r\n", others: 60},
		"a head in pieces":  {first: otherRequest + head, rest: "\r\n", others: 1},
	} {
		t.Run(name, func(t *testing.T) {
			c, in := s.dial(t)
			s.ask(t, c, in, plainRequest, "plain")
			before := s.plain.Load()
			for _, piece := range []string{way.first, way.rest} {
				if _, err := io.WriteString(c, piece); err != nil {
					t.Fatal(err)
				}
				time.Sleep(20 * time.Millisecond) // not for the outcome: the next piece comes by itself
			}
			for heard := ""; !strings.HasSuffix(heard, way.heard); {
				b, err := in.ReadByte()
				if err != nil {
					t.Fatalf("%v after %q", err, heard)
				}
				heard += string(b)
			}
			if _, err := io.WriteString(c, plainRequest); err != nil {
				t.Fatal(err)
			}
			for i := range way.others {
				if got := readBody(t, in); got != "other" {
					t.Fatalf("answer %d: %q", i, got)
				}
			}
			if got := readBody(t, in); got != plainRequest {
				t.Fatalf("%q", got)
			}
			if n := s.plain.Load() - before; n != 0 {
				t.Errorf("%d plain requests in a body", n)
			}
			s.ask(t, c, in, plainRequest, "plain")
			if n := s.plain.Load() - before; n != 1 {
				t.Errorf("%d plain requests after it", n)
			}
		})
	}
}

// Requests of all kinds in any order, cut anywhere: each gets the answer that it would get alone, in its turn.
func TestPlainRequestsInAnyPieces(t *testing.T) {
	s := newPlainSite(t)
	random := rand.New(rand.NewPCG(1, 2))
	const post = "POST /other HTTP/1.1\r\nHost: a\r\n"
	body := strings.Repeat(plainRequest, 2) // what it would be if it were read as requests
	kinds := []struct{ request, want string }{
		{plainRequest, "plain"}, {plainRequest, "plain"}, {otherRequest, "other"},
		{fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", post, len(body), body), body},
		{fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", post, len(body), body), body},
	}
	for range 300 {
		var stream strings.Builder
		var want []string
		for range 1 + random.IntN([]int{4, 90}[random.IntN(2)]) {
			k := kinds[random.IntN(len(kinds))]
			stream.WriteString(k.request)
			want = append(want, k.want)
		}
		c, in := s.dial(t)
		text, cuts := stream.String(), random.IntN(8)
		sent := make(chan error, 1)
		go func() { sent <- inPieces(c, text, rand.New(rand.NewPCG(uint64(len(text)), 3)), cuts) }()
		for i, w := range want {
			if got := readBody(t, in); got != w && (w != "plain" || got != "other") {
				t.Fatalf("answer %d to %q: %q, want %q", i, text, got, w)
			}
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
	}
	t.Logf("%d were plain", s.plain.Load())
}

// inPieces sends text cut at random, each piece by itself.
func inPieces(c net.Conn, text string, random *rand.Rand, cuts int) error {
	for range cuts {
		n := random.IntN(len(text) + 1)
		if _, err := io.WriteString(c, text[:n]); err != nil {
			return err
		}
		time.Sleep(2 * time.Millisecond)
		text = text[n:]
	}
	_, err := io.WriteString(c, text)
	return err
}

// Trap: a client's last request and its end arrive together, and the poller tells nothing more. The request is answered, and the
// connection is closed.
func TestPlainRequestAndEndInOneArrival(t *testing.T) {
	s := newPlainSite(t)
	var all []*bufio.Reader
	for range 20 {
		c, in := s.dial(t)
		raw, err := c.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_CORK, 1) }); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, plainRequest); err != nil {
			t.Fatal(err)
		}
		if err := c.CloseWrite(); err != nil { // one segment with both
			t.Fatal(err)
		}
		all = append(all, in)
	}
	for _, in := range all {
		if got := readBody(t, in); got != "plain" {
			t.Error(got)
		}
		if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("not closed: %v", err)
		}
	}
}

// Trap: the kernel has no room for the answers to a client that does not read yet. All answers come, in order and whole.
func TestPlainAnswersToWhoDoesNotRead(t *testing.T) {
	s := newPlainSite(t)
	const many = 200 // in one read
	s.body = strings.Repeat("0123456789abcdef", 8<<10)
	c, in := s.dial(t)
	if _, err := io.WriteString(c, strings.Repeat(plainRequest, many)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond) // until the kernel's buffers are full; sooner or later is no matter
	for i := range many {
		if got := readBody(t, in); got != s.body {
			t.Fatalf("answer %d has %d bytes", i, len(got))
		}
	}
	if n := s.plain.Load(); n != many {
		t.Errorf("%d of %d were plain", n, many)
	}
	s.ask(t, c, in, otherRequest, "other")
}

// Trap: a server that stops reaches connections whose plain requests fasthttp never saw, and resets none of them.
func TestShutdownEndsPlainConnections(t *testing.T) {
	s := newPlainSite(t)
	var all []*bufio.Reader
	for i := range 50 {
		c, in := s.dial(t)
		for range i % 3 {
			s.ask(t, c, in, plainRequest, "plain")
		}
		all = append(all, in)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.server.ShutdownWithContext(ctx); err != nil {
		t.Fatal(err)
	}
	for _, in := range all {
		if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("not ended: %v", err)
		}
	}
}

// A server that stops while a plain request waits for the store answers it, and ends the connection.
func TestShutdownAnswersWhoWaits(t *testing.T) {
	s := newPlainSite(t)
	c, in := s.dial(t)
	s.waits = make(chan chan struct{})
	if _, err := io.WriteString(c, plainRequest); err != nil {
		t.Fatal(err)
	}
	wait, ended := <-s.waits, make(chan error, 1)
	go func() { ended <- s.server.Shutdown() }()
	select {
	case err := <-ended:
		t.Error("the server has stopped, and one request has no answer: ", err)
	case <-time.After(300 * time.Millisecond): // it tries to close idle connections meanwhile; sooner or later is no matter
	}
	close(wait)
	if got := readBody(t, in); got != s.body {
		t.Errorf("%q", got)
	}
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("not ended: %v", err)
	}
}

// Deadlines count here too: a connection without requests is closed, and fasthttp refuses a request that comes slowly.
func TestPlainConnectionsEndWhenIdle(t *testing.T) {
	here, there := tcpPair(t)
	c := &coarseConn{Conn: here}
	c.plain = newPlainReads(c, (&plainSite{}).answer)
	_ = c.SetWriteDeadline(time.Now().Add(time.Minute))
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	var timeout net.Error
	if _, err := c.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("idle: %v", err)
	}
	_ = c.SetWriteDeadline(time.Now().Add(time.Minute))
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(there, plainRequest[:7]); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, MaxHeader)
	if n, err := c.Read(b[:1]); err != nil || n != 1 {
		t.Error(n, err)
	}
	if n, err := c.Read(b[1:]); err != nil || string(b[:1+n]) != plainRequest[:7] {
		t.Errorf("%q %v", b[:1+n], err)
	}
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := c.Read(b[7:]); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("a slow head: %v", err)
	}
}

// A server that reads a single byte may be within a request, with no room for more. Then nothing is answered.
func TestOneByteWithinARequestBeginsNone(t *testing.T) {
	here, there := tcpPair(t)
	s := &plainSite{}
	c := &coarseConn{Conn: here}
	c.plain = newPlainReads(c, s.answer)
	_ = c.SetWriteDeadline(time.Now().Add(time.Minute))
	_ = c.SetReadDeadline(time.Now().Add(time.Minute)) // idle
	_ = c.SetReadDeadline(time.Now().Add(time.Minute)) // a request
	if _, err := io.WriteString(there, plainRequest); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for b := make([]byte, 1); len(got) < len(plainRequest); {
		if n, err := c.Read(b); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		got = append(got, b[0])
	}
	if string(got) != plainRequest || s.plain.Load() != 0 || c.plain.room != nil {
		t.Errorf("%q, %d answered", got, s.plain.Load())
	}
}

// A head fills the server's buffer but for one byte. What follows is the rest of that head, though it looks like a plain request.
func TestHeadThatFillsTheBuffer(t *testing.T) {
	s := newPlainSite(t)
	c, in := s.dial(t)
	s.ask(t, c, in, plainRequest, "plain")
	head := otherRequest[:len(otherRequest)-2] + "A: "
	if _, err := io.WriteString(c, head+strings.Repeat("a", MaxHeader-1-len(head))); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // not for the outcome: the next piece comes by itself
	if _, err := io.WriteString(c, plainRequest); err != nil {
		t.Fatal(err)
	}
	if r, err := http.ReadResponse(in, nil); err == nil {
		_ = r.Body.Close()
		if r.StatusCode == http.StatusOK {
			t.Error("answered as a request")
		}
	}
	if n := s.plain.Load(); n != 1 {
		t.Errorf("%d plain requests, not 1", n)
	}
}

func tcpPair(t *testing.T) (here, there net.Conn) {
	t.Helper()
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if there, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if here, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = here.Close(); _ = there.Close() })
	return here, there
}
