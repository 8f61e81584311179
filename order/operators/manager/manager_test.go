package manager

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

// hears makes the test a service manager. Each word that it is told comes out of the channel.
func hears(t *testing.T, watchdog string) <-chan string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", watchdog)
	told := make(chan string, 1000)
	go func() {
		defer close(told)
		for b := make([]byte, 4096); ; {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			told <- string(b[:n])
		}
	}()
	t.Cleanup(func() {
		_ = c.Close()
		for range told { // until the reader has ended
		}
	})
	return told
}

// until returns what was told up to a word.
func until(t *testing.T, told <-chan string, word string) (all []string) {
	t.Helper()
	end := time.After(patience)
	for {
		select {
		case s := <-told:
			if all = append(all, s); strings.Contains(s, word) {
				return all
			}
		case <-end:
			t.Fatalf("not told: %s; but %q", word, all)
		}
	}
}

// The manager hears of a start, of proofs of life, of the status as it changes, of a reload, and of the end.
func TestLife(t *testing.T) {
	told := hears(t, "400000")
	var why atomic.Pointer[string]
	side := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if s := why.Load(); q.URL.Path == "/readyz" && s != nil {
			http.Error(w, *s+"\nand more", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ready\n"))
	}))
	defer side.Close()
	var buys atomic.Int64
	edge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == costlessBuy {
			buys.Add(1)
		}
		http.NotFound(w, q)
	}))
	defer edge.Close()
	m := Find(zerolog.Nop())
	m.Reload(func() {})
	ctx, cancel := context.WithCancel(t.Context())
	m.Up(ctx, edge.Listener.Addr(), side.Listener.Addr())
	if first := <-told; first != "READY=1" {
		t.Errorf("a reload before the start was told of: %q", first)
	}
	until(t, told, "STATUS=ready")
	until(t, told, "WATCHDOG=1")
	if n := buys.Load(); n < 2 {
		t.Errorf("%d buys in a proof of life", n)
	}
	text := "store: gone"
	why.Store(&text)
	if all := until(t, told, "STATUS=store"); all[len(all)-1] != "STATUS=store: gone" {
		t.Errorf("%q", all)
	}
	until(t, told, "WATCHDOG=1") // not ready, and alive
	m.Reload(func() { until(t, told, "RELOADING=1\nMONOTONIC_USEC=") })
	until(t, told, "READY=1")
	cancel()
	until(t, told, "STOPPING=1")
}

// A process whose listener accepts and does not answer is dead, as one whose listener is gone.
func TestNoProofOfLife(t *testing.T) {
	told := hears(t, "40000")
	deaf, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts; nobody reads
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = deaf.Close() }()
	var looks atomic.Int64
	log := zerolog.New(zerolog.NewTestWriter(t)).Hook(zerolog.HookFunc(func(*zerolog.Event, zerolog.Level, string) { looks.Add(1) }))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	Find(log).Up(ctx, deaf.Addr(), nil)
	for end := time.Now().Add(patience); looks.Load() < 3; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it is not looked for")
		}
	}
	cancel()
	if all := until(t, told, "STOPPING=1"); slices.Contains(all, "WATCHDOG=1") {
		t.Errorf("%q", all)
	}
}

// Answers needs an answer to each of two requests on one connection, unless the server closes it.
func TestAnswers(t *testing.T) {
	const ok = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
	for _, c := range []struct {
		name, answers string
		lives         bool
	}{
		{"two answers", ok + ok, true},
		{"one, and the connection ends as it says", "HTTP/1.1 503 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", true},
		{"one, and the connection ends", ok, false},
		{"none", "", false},
		{"no HTTP", "hello\r\n\r\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				if conn, err := l.Accept(); err == nil {
					_, _ = conn.Write([]byte(c.answers))
					_ = conn.(*net.TCPConn).CloseWrite()
					_, _ = conn.Read(make([]byte, 1024))
					_ = conn.Close()
				}
			}()
			err = Answers(t.Context(), l.Addr(), "/healthz")
			_ = l.Close()
			<-done
			if (err == nil) != c.lives {
				t.Error(err)
			}
		})
	}
}

// Where there is no manager, nothing is asked, and nothing runs.
func TestNobodyHears(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	m := Find(zerolog.Nop())
	m.Up(t.Context(), nil, nil)
	ran := false
	m.Reload(func() { ran = true })
	if !ran || m.up.Load() {
		t.Error(ran)
	}
	if l, err := Socket(); l != nil || err != nil {
		t.Error(l, err)
	}
}

// The environment is another process' as long as it names another process.
func TestSocketOfAnother(t *testing.T) {
	t.Setenv("LISTEN_PID", "1")
	t.Setenv("LISTEN_FDS", "1")
	if l, err := Socket(); l != nil || errors.Is(err, ErrSocket) {
		t.Error(l, err)
	}
}
