package edge

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"spike/edge/internal/storetest"
	"spike/edge/listener"
)

// Row D2: no cache may keep an answer. TestOpenAPI checks every documented answer, and this test the others.

// unstored fails the test unless an answer says once that it must not be stored.
func unstored(t *testing.T, what string, h http.Header) {
	t.Helper()
	if got := h.Values("Cache-Control"); !slices.Equal(got, []string{"no-store"}) {
		t.Errorf("%s: Cache-Control %q", what, got)
	}
}

func TestD2AnswersToNonsenseAreNotStored(t *testing.T) {
	s := testServer(t, testConfig(), storetest.Embedded(t, 100, time.Minute))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	front := s.front()
	front.MaxIdleWorkerDuration = 10 * time.Millisecond // its janitor sleeps so long, after the end too
	front.ReadTimeout = 3 * time.Second                 // a busy machine may stand still for one
	go func() { _ = front.Serve(l) }()
	defer func() { _ = front.Shutdown() }()
	const post, end = "POST /buy/ticket HTTP/1.1\r\nHost: a\r\n", "Connection: close\r\n\r\n"
	for request, want := range map[string]int{
		"GET /buy/ticket HTTP/1.1\r\nHost: a\r\n" + end: 200,
		"nonsense\r\n\r\n": 400,
		"GET /buy/ticket HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n" + end:      400,
		post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 400,
		"GET / HTTP/1.1\r\nHost: a\r\n" + end:                                     404,
		"TRACE /buy/ticket HTTP/1.1\r\nHost: a\r\n" + end:                         405,
		post:                                     408,
		post + "Content-Length: 20000\r\n" + end: 413,
		post + "Expect: 100-continue\r\nContent-Length: 1\r\n\r\na":                              200,
		"GET /buy/ticket HTTP/1.1\r\nA: " + strings.Repeat("a", listener.MaxHeader) + "\r\n\r\n": 431,
	} {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		heardOnce(t, request, bufio.NewReader(c), want)
		_ = c.Close()
	}
	for want, refusal := range map[int][]byte{429: tooMany.Here, 503: tooMany.All} {
		heardOnce(t, "a connection too many", bufio.NewReader(strings.NewReader(string(refusal))), want)
	}
}

// heardOnce reads an answer after "100 Continue", and checks its status and Cache-Control.
func heardOnce(t *testing.T, what string, in *bufio.Reader, want int) {
	t.Helper()
	what = what[:min(len(what), 100)]
	r, err := http.ReadResponse(in, nil)
	for err == nil && r.StatusCode == http.StatusContinue {
		r, err = http.ReadResponse(in, nil)
	}
	if err != nil {
		t.Fatalf("%q: %v", what, err)
	}
	defer func() { _ = r.Body.Close() }()
	if r.StatusCode != want {
		t.Errorf("%q: %d, not %d", what, r.StatusCode, want)
	}
	unstored(t, what, r.Header)
}
