package peers

import (
	"bytes"
	"errors"
	"net"
	"reflect"
	"sync"
	"testing"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"spike/bench"
)

// overWire asks a server once and returns the raw answer.
func overWire(t *testing.T, s *fasthttp.Server) []byte {
	t.Helper()
	l := fasthttputil.NewInmemoryListener()
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	defer func() { _ = l.Close(); <-done }()
	c, err := l.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return rawGet(t, c)
}

func rawGet(t *testing.T, c net.Conn) []byte {
	t.Helper()
	if _, err := c.Write([]byte("GET /buy/ticket HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

// saying is a server that says this to whoever connects.
func saying(t *testing.T, text string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Write([]byte(text))
			_ = c.Close()
		}
	})
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
	return l.Addr().String()
}

// The bare server's answer must be the edge's, byte for byte, so that both cost the network the same.
func TestBareRepeatsAnAnswer(t *testing.T) {
	for name, edge := range map[string]string{
		"win": "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 10\r\n\r\n{\"code\":1}",
		"sold out for now": "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n" +
			"Retry-After: 1\r\n\r\n{\"code\":-1}",
		"with name": "HTTP/1.1 200 OK\r\nServer: spike\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"code\":-1}",
	} {
		t.Run(name, func(t *testing.T) {
			a, err := Like(t.Context(), saying(t, edge))
			if err != nil {
				t.Fatal(err)
			}
			if got := overWire(t, a.server()); string(got) != edge {
				t.Fatalf("got  %q\nwant %q", got, edge)
			}
		})
	}
}

func TestBareSendsADateIfTheEdgeDid(t *testing.T) {
	raw := overWire(t, SoldOut().server())
	a, err := Like(t.Context(), saying(t, string(raw)))
	if err != nil || !reflect.DeepEqual(a, SoldOut()) {
		t.Fatalf("%+v, %v", a, err)
	}
	if !bytes.Contains(raw, []byte("\r\nDate: ")) {
		t.Fatalf("no date in %q", raw)
	}
}

func TestRubbishIsNoAnswer(t *testing.T) {
	for _, raw := range []string{"", "nonsense", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"} {
		if a, err := Like(t.Context(), saying(t, raw)); !errors.Is(err, bench.ErrDependency) {
			t.Errorf("%q accepted as %+v, %v", raw, a, err)
		}
	}
	if _, err := Like(t.Context(), "127.0.0.1:1"); !errors.Is(err, bench.ErrDependency) {
		t.Errorf("nobody answered: %v", err)
	}
}
