package peers

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"
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

// The bare server's answer must be the edge's, byte for byte, so that both cost the network the same.
func TestBareRepeatsACapturedAnswer(t *testing.T) {
	for name, captured := range map[string]string{
		"win": "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 10\r\n\r\n{\"code\":1}",
		"sold out for now": "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n" +
			"Retry-After: 1\r\n\r\n{\"code\":-1}",
		"with name": "HTTP/1.1 200 OK\r\nServer: spike\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"code\":-1}",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "answer")
			if err := os.WriteFile(file, []byte(captured), 0o600); err != nil {
				t.Fatal(err)
			}
			a, err := ReadAnswer(file)
			if err != nil {
				t.Fatal(err)
			}
			if got := overWire(t, a.server()); string(got) != captured {
				t.Fatalf("got  %q\nwant %q", got, captured)
			}
		})
	}
}

func TestBareSendsADateIfTheEdgeDid(t *testing.T) {
	raw := overWire(t, SoldOut().server())
	a, err := ParseAnswer(raw)
	if err != nil || !reflect.DeepEqual(a, SoldOut()) {
		t.Fatalf("%+v, %v", a, err)
	}
	if !bytes.Contains(raw, []byte("\r\nDate: ")) {
		t.Fatalf("no date in %q", raw)
	}
}

func TestAnswerRefusesRubbish(t *testing.T) {
	for _, raw := range []string{"", "nonsense", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"} {
		if a, err := ParseAnswer([]byte(raw)); err == nil {
			t.Errorf("%q accepted as %+v", raw, a)
		}
	}
	if _, err := ReadAnswer(filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("an absent file was read")
	}
}
