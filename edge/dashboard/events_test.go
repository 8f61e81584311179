package dashboard

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"spike/edge/admin"
	"spike/luascripts/ledger"
	"spike/order/loopback"
)

// serve serves a Looker's routes on an operators' side whose connections have small buffers.
func serve(t *testing.T, w *watched, tokens *loopback.Tokens) (url string, l *Looker) {
	l = runLooker(t, w)
	side := admin.Side{Store: w, Log: zerolog.Nop(), Tokens: tokens, Ready: func(context.Context) string { return "" },
		Metrics: prometheus.NewRegistry(), Document: http.NotFoundHandler(), Pages: Pages(), Looks: l.Routes()}
	at, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := side.Server()
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(narrow{at}) })
	t.Cleanup(func() {
		_ = server.Close()
		running.Wait()
	})
	return "http://" + at.Addr().String(), l
}

// narrow has connections that buffer little.
type narrow struct{ net.Listener }

func (n narrow) Accept() (net.Conn, error) {
	c, err := n.Listener.Accept()
	if err == nil {
		_ = c.(*net.TCPConn).SetWriteBuffer(1 << 15)
	}
	return c, err
}

// browser sends requests over connections that buffer little, and closes them with the test.
func browser(t *testing.T) *http.Client {
	narrow := func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err == nil {
			_ = c.(*net.TCPConn).SetReadBuffer(1 << 15)
		}
		return c, err
	}
	transport := &http.Transport{DisableCompression: true, DialContext: narrow}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// get sends a GET with some headers.
func get(t *testing.T, c *http.Client, url string, header ...string) *http.Response {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	r, err := c.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Body.Close() })
	return r
}

// event is the next look of a stream.
func event(t *testing.T, in *bufio.Reader) (l Look) {
	t.Helper()
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if data, is := strings.CutPrefix(line, "data: "); is {
			if err := json.Unmarshal([]byte(data), &l); err != nil {
				t.Fatal(err)
			}
			return l
		}
	}
}

func TestStream(t *testing.T) {
	w := newWatched()
	w.make(t, "ticket", 10)
	url, _ := serve(t, w, nil)
	r := get(t, browser(t), url+"/events?sale=ticket")
	in := bufio.NewReader(r.Body)
	first, _ := in.ReadString('\n')
	if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "text/event-stream" ||
		r.Header.Get("Cache-Control") != "no-store" || first != "retry: 1000\n" {
		t.Errorf("%d %v %q", r.StatusCode, r.Header, first)
	}
	l := event(t, in)
	if len(l.Sales) != 1 || *l.Sales[0].Free != 10 || l.Detail == nil || l.Detail.Sale != "ticket" {
		t.Errorf("%+v", l)
	}
	if _, err := w.Change(t.Context(), "ticket", ledger.ChangeRequest{Request: "1", Add: 5}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); *l.Sales[0].Total != 15; l = event(t, in) {
		if time.Now().After(end) {
			t.Fatal("no look tells of units that were added")
		}
	}
}

// A reader that stands still misses looks. When it reads again, it soon has the newest one; the server has kept none for it.
func TestStreamIsConflated(t *testing.T) {
	w := newWatched()
	for i := range salesMost {
		w.make(t, fmt.Sprintf("sale-%03d", i), 10)
	}
	url, l := serve(t, w, nil)
	in := bufio.NewReader(get(t, browser(t), url+"/events").Body)
	event(t, in)
	published, seen := 0, l.newest.Load()
	for end := time.Now().Add(25 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if is := l.newest.Load(); is != seen {
			published, seen = published+1, is
			_, _ = w.Change(t.Context(), "sale-000", ledger.ChangeRequest{Request: fmt.Sprint(published), Add: 1})
		}
		if published >= 12 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("nobody looks")
		}
	}
	stood := time.Now()
	read := 0
	for at := int64(0); at < stood.UnixMilli(); read++ {
		at = event(t, in).At
	}
	if read > 4 { // what was under way when it stood still, and what its own buffers have
		t.Errorf("%d old looks were kept for it", read)
	}
}

// A stream ends when its token is taken away, and 64 streams are all.
func TestStreamsAreBoundedAndGuarded(t *testing.T) {
	w := newWatched()
	w.make(t, "ticket", 10)
	tokens := loopback.NewTokens("first")
	url, l := serve(t, w, tokens)
	c := browser(t)
	var streams []io.Reader
	for range ReadersMost {
		r := get(t, c, url+"/events", "Authorization", "Bearer first")
		if r.StatusCode != http.StatusOK {
			t.Fatal(r.Status)
		}
		streams = append(streams, r.Body)
	}
	for _, path := range []string{"/events", "/api/v1/look", "/sales/ticket/report.html"} {
		if r := get(t, c, url+path, "Authorization", "Bearer first"); r.StatusCode != http.StatusServiceUnavailable ||
			r.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %s", path, r.Status)
		}
	}
	tokens.Set(loopback.Secrets{loopback.Admin: {"second"}})
	for _, s := range streams {
		_, _ = io.Copy(io.Discard, s) // it ends
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		l.mu.Lock()
		left := l.readers
		l.mu.Unlock()
		if left == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d readers are counted, and none is there", left)
		}
	}
}

func TestRequestsThatMakeNoSense(t *testing.T) {
	w := newWatched()
	w.make(t, "ticket", 10)
	url, _ := serve(t, w, nil)
	for path, want := range map[string]int{"/events?sale=a%20b": 400, "/api/v1/look?sale=.x": 400, "/api/v1/journal?n=0": 400,
		"/api/v1/journal?n=x": 400, "/api/v1/journal?before=x": 400, "/sales/none/report.html": 404, "/sales/a%20b/report.html": 404,
		"/assets/none.js": 404, "/assets/../index.html": 404, "/assets/%2e%2e/looker.go": 404, "/nothing": 404} {
		if r := get(t, browser(t), url+path); r.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, r.StatusCode, want)
		}
	}
}

func TestJournalInParts(t *testing.T) {
	w := newWatched()
	for i := range 5 {
		if err := w.Note(t.Context(), ledger.Entry{Did: "paused", Sale: "ticket", What: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	url, _ := serve(t, w, nil)
	var seen []string
	for before := ""; ; {
		var part struct{ Entries []ledger.Entry }
		if err := json.NewDecoder(get(t, browser(t), url+"/api/v1/journal?n=2&before="+before).Body).Decode(&part); err != nil {
			t.Fatal(err)
		}
		for _, e := range part.Entries {
			seen, before = append(seen, e.What), e.ID
		}
		if len(part.Entries) == 0 {
			break
		}
	}
	if got := strings.Join(seen, " "); got != "4 3 2 1 0" {
		t.Error(got)
	}
}

// Pages load only what comes from where they came from, cannot be framed, and are the same for all their paths.
func TestPagesAreProtected(t *testing.T) {
	side := httptest.NewServer(muxOf(Pages()))
	defer side.Close()
	c := browser(t)
	var etag string
	for _, path := range []string{"/", "/sales/ticket", "/edges", "/orders", "/front", "/journal", "/assets/none"} {
		r := get(t, c, side.URL+path)
		for name, want := range map[string]string{"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff",
			"Referrer-Policy": "no-referrer"} {
			if r.Header.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, r.Header.Get(name))
			}
		}
		if path == "/assets/none" {
			continue
		}
		if etag == "" {
			etag = r.Header.Get("ETag")
		}
		if r.StatusCode != http.StatusOK || r.Header.Get("ETag") != etag ||
			r.Header.Get("Content-Type") != "text/html; charset=utf-8" || r.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %s %v", path, r.Status, r.Header)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") || !strings.HasPrefix(policy, "default-src 'none'; ") {
		t.Error(policy)
	}
	if r := get(t, c, side.URL+"/", "If-None-Match", etag); r.StatusCode != http.StatusNotModified {
		t.Error(r.Status)
	}
	small := get(t, c, side.URL+"/", "Accept-Encoding", "gzip")
	if small.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(small.Body)
		if err != nil {
			t.Fatal(err)
		}
		small.Body = io.NopCloser(z)
	}
	one, _ := io.ReadAll(small.Body)
	two, _ := io.ReadAll(get(t, c, side.URL+"/").Body)
	if string(one) != string(two) || !strings.Contains(string(two), "<html") {
		t.Errorf("%d and %d bytes", len(one), len(two))
	}
}

func muxOf(routes map[string]http.HandlerFunc) *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, serve := range routes {
		mux.HandleFunc(pattern, serve)
	}
	return mux
}
