package edge

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"spike/order/loopback"
)

// Row A5: who has the token is never kept out of the operators' side by who has not: idle ones, slow ones, many.
func TestA5StrangersKeepNoOperatorOut(t *testing.T) {
	const token = "the-operators-token"
	cfg := testConfig()
	cfg.AdminTokens = loopback.NewTokens(token)
	s := testServer(t, cfg, embedded(t, 10, time.Minute))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	back, all := s.back(), newVisitors()
	go func() { _ = back.Serve(visitorsListener{l, all}) }()
	defer func() { _ = back.Close() }()

	knock := func(text string) net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		fmt.Fprint(c, text)
		return c
	}
	get := func(c net.Conn) error {
		fmt.Fprintf(c, "GET /api/v1/sales/ticket HTTP/1.1\r\nHost: e\r\nAuthorization: Bearer %s\r\n\r\n", token)
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return err
		}
		defer func() { _ = r.Body.Close() }()
		if _, err := io.ReadAll(r.Body); err != nil || r.StatusCode != http.StatusOK {
			return fmt.Errorf("%d %w", r.StatusCode, err)
		}
		return nil
	}
	old := knock("")
	if err := get(old); err != nil {
		t.Fatal("before anybody else:", err)
	}
	for name, text := range map[string]string{
		"silent": "", "idle": "GET /healthz HTTP/1.1\r\nHost: e\r\n\r\n", "half a header": "GET /healthz HTTP/1.1\r\nHo",
		"half a body":   "POST /healthz HTTP/1.1\r\nHost: e\r\nContent-Length: 9\r\n\r\nx",
		"a wrong token": "GET /metrics HTTP/1.1\r\nHost: e\r\nAuthorization: Bearer guess\r\n\r\n",
	} {
		for range 3 * strangersMost {
			knock(text)
		}
		if err := get(knock("")); err != nil {
			t.Errorf("%s: who comes with the token hears %v", name, err)
		}
		if err := get(old); err != nil {
			t.Errorf("%s: who was there before: %v", name, err)
		}
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	if n := len(all.strangers); n > strangersMost || all.known > 6 {
		t.Errorf("%d strangers, %d known", n, all.known)
	}
}

// A place is given back once, whoever closes; one source pushes out its own.
func TestA5PlacesAreGivenBack(t *testing.T) {
	all := newVisitors()
	at := func(ip string) *visitor {
		a, b := net.Pipe()
		t.Cleanup(func() { _, _ = a.Close(), b.Close() })
		return all.enter(visiting{a, &net.TCPAddr{IP: net.ParseIP(ip), Port: 1}})
	}
	at("10.0.0.1")
	for range 3 * strangersEach {
		at("10.0.0.2")
	}
	if n := len(all.strangers); n != 1+strangersEach {
		t.Errorf("%d strangers", n)
	}
	for k := range 3 * strangersMost {
		at(fmt.Sprintf("10.0.1.%d", k))
	}
	if len(all.strangers) != strangersMost {
		t.Errorf("%d strangers", len(all.strangers))
	}
	first := at("10.0.0.1")
	first.recognise()
	first.recognise()
	for range 2 {
		_ = first.Close()
	}
	for _, s := range all.strangers {
		_ = s.Conn.Close()
	}
	if all.known != 0 || len(all.strangers) != strangersMost-1 {
		t.Errorf("%d known, %d strangers", all.known, len(all.strangers))
	}
}

type visiting struct {
	net.Conn
	peer net.Addr
}

func (f visiting) RemoteAddr() net.Addr { return f.peer }
