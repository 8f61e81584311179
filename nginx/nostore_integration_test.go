//go:build integration

package nginx

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// Row D2: no cache may keep an answer, of nginx or of an edge.

// wantUnstored sends raw bytes and checks the answer's status and Cache-Control.
func wantUnstored(t *testing.T, addr, sent string, status int) {
	t.Helper()
	what := fmt.Sprintf("%.60q", sent)
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, sent); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	defer func() { _ = r.Body.Close() }()
	if r.StatusCode != status {
		t.Errorf("%s: %d, not %d", what, r.StatusCode, status)
	}
	if got := r.Header.Values("Cache-Control"); !slices.Equal(got, []string{"no-store"}) {
		t.Errorf("%s: %d, Cache-Control %q", what, r.StatusCode, got)
	}
}

func line(method, uri string, headers ...string) string {
	return method + " " + uri + " HTTP/1.1\r\nHost: a\r\n" +
		strings.Join(append(headers, "Connection: close"), "\r\n") + "\r\n\r\n"
}

// TestD2EdgesBehindNginxAreNotStored: an edge sets the header, nginx sets it, and a client gets it once. Answers of a server
// without the header, such as an older edge, are not stored either.
func TestD2EdgesBehindNginxAreNotStored(t *testing.T) {
	silent := newHTTPServer(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Cache-Control", "max-age=60") })
	for behind, status := range map[string]int{openEdge(t, "en"): 404, silent: 200} {
		topology := Topology{Workers: 1, GateDir: gateDir(t), Edges: []Edge{{behind, 1}}}
		front := strings.TrimPrefix(start(t, topology, asRendered), "http://")
		for _, uri := range []string{"/buy/ticket", "/openapi.yaml"} {
			wantUnstored(t, front, line("GET", uri), 200)
		}
		wantUnstored(t, front, line("GET", "/nowhere"), status)
	}
}

func TestD2NginxsOwnAnswersAreNotStored(t *testing.T) {
	dir := gateDir(t)
	nobody := Topology{Workers: 1, GateDir: dir, Edges: []Edge{{refusedAddrs(1)[0], 1}}}
	front := strings.TrimPrefix(start(t, nobody, asRendered), "http://")
	setFlag(t, dir, "gone", SoldOut)
	setFlag(t, dir, "held", NoneNow)
	for sent, status := range map[string]int{
		line("GET", "/buy/gone"):                                 200,
		line("GET", "/buy/held"):                                 200,
		line("POST", "/v1/sales/gone/reservations"):              410,
		line("POST", "/v1/sales/held/reservations"):              409,
		line("GET", "/buy/ticket"):                               503,
		line("POST", "/v1/sales/ticket/reservations"):            503,
		line("GET", "/"):                                         503,
		line("POST", "/buy/ticket", "Content-Length: 20000"):     413,
		line("GET", "/%"):                                        400,
		line("GET", "/", "Host: b"):                              400,
		line("GET", "/"+strings.Repeat("a", 17000)):              414,
		line("GET", "/", "A: "+strings.Repeat("a", 17000)):       400,
		line("TRACE", "/buy/ticket"):                             405,
		line("CONNECT", "/buy/ticket"):                           405,
		line("POST", "/", "Transfer-Encoding: gzip"):             501,
		"GET / HTTP/3.0\r\nHost: a\r\nConnection: close\r\n\r\n": 505,
		"nonsense\r\n\r\n":                                       400,
	} {
		wantUnstored(t, front, sent, status)
	}
}

func TestD2RefusalsOfALimitAreNotStored(t *testing.T) {
	topology := Topology{Workers: 1, Limits: Limits{PerIP: &Limit{Rate: 1, Burst: 1}}, Edges: []Edge{{refusedAddrs(1)[0], 1}}}
	for _, uri := range []string{"/buy/ticket", "/v1/sales/ticket/reservations"} {
		front := strings.TrimPrefix(start(t, topology, asRendered), "http://")
		for i := 0; strings.HasPrefix(hear(t, front, "POST", uri), "503 "); i++ {
			if i == 100 {
				t.Fatal("nobody is refused")
			}
		}
		for i := 0; ; i++ { // in case a second has just passed
			if got := hear(t, front, "POST", uri); strings.HasPrefix(got, "429 ") || i == 100 {
				break
			}
		}
		wantUnstored(t, front, line("POST", uri, "Content-Length: 0"), 429)
	}
}
