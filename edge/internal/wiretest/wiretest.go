// Package wiretest has helpers for tests that speak to an edge over a connection.
package wiretest

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// OneAnswer sends a request and reads its answer. status is 0 if the connection ended without an answer, as it does if the peer
// had closed it before.
func OneAnswer(t *testing.T, c net.Conn, request string) (status int, body string) {
	t.Helper()
	_, _ = io.WriteString(c, request)
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Logf("no answer: %v", err)
		return 0, ""
	}
	defer func() { _ = r.Body.Close() }()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	return r.StatusCode, string(b)
}

// AddressOf is a peer's address: an IP, or the path of a Unix socket.
func AddressOf(t testing.TB, peer string) net.Addr {
	t.Helper()
	if strings.HasPrefix(peer, "/") {
		return &net.UnixAddr{Name: peer, Net: "unix"}
	}
	ip := net.ParseIP(peer)
	if ip == nil {
		t.Fatal("not an address: ", peer)
	}
	return &net.TCPAddr{IP: ip, Port: 1}
}
