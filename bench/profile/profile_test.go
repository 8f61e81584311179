package profile

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	runtimepprof "runtime/pprof"
	"testing"

	"go.uber.org/goleak"

	"spike/bench"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// admin stands in for an edge's admin listener: it profiles this process.
func admin(t *testing.T, token string) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token != "" && r.Header.Get("Authorization") != "Bearer "+token {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { s.Close(); http.DefaultClient.CloseIdleConnections() })
	return s
}

func TestSessionTakesAndOpensAllKinds(t *testing.T) {
	out := filepath.Join(t.TempDir(), "profiles")
	if err := (Session{Admin: admin(t, "secret").URL, Token: "secret", Seconds: 1, Out: out}).Take(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, v := range views {
		if b, err := os.ReadFile(fileOf(out, v.kind)); err != nil || len(b) == 0 {
			t.Fatalf("%s: %d bytes, %v", v.kind, len(b), err)
		}
	}
	var text bytes.Buffer
	if err := Print(&text, out); err != nil {
		t.Fatal(err)
	}
	for _, v := range views {
		if !bytes.Contains(text.Bytes(), []byte("== "+v.title)) {
			t.Errorf("no %s in the text", v.title)
		}
		if b, err := os.ReadFile(filepath.Join(out, v.file)); err != nil || len(b) == 0 {
			t.Errorf("%s: %d bytes, %v", v.file, len(b), err)
		}
	}
}

func TestSessionWithoutItsToken(t *testing.T) {
	s := Session{Admin: admin(t, "secret").URL, Seconds: 1, Out: t.TempDir()}
	if err := s.Take(t.Context()); !errors.Is(err, bench.ErrDependency) {
		t.Fatalf("got %v", err)
	}
}

func TestSessionWithNobodyThere(t *testing.T) {
	s := Session{Admin: "127.0.0.1:1", Seconds: 1, Out: t.TempDir()}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := s.Take(ctx); !errors.Is(err, bench.ErrDependency) {
		t.Fatalf("got %v", err)
	}
}

func TestSessionSecondsAreBounded(t *testing.T) {
	for _, seconds := range []int{-1, 0, maxSeconds + 1} {
		if err := (Session{Seconds: seconds, Out: t.TempDir()}).Take(t.Context()); !errors.Is(err, bench.ErrUsage) {
			t.Errorf("%d seconds: %v", seconds, err)
		}
	}
}

// Row D16: this process reads the profiles. Nothing is compiled first, and no go command is needed.
func TestD16TopsWithoutGo(t *testing.T) {
	out := t.TempDir()
	if err := (Session{Admin: admin(t, "").URL, Seconds: 1, Out: out}).Take(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", t.TempDir())
	var text bytes.Buffer
	if err := Print(&text, out); err != nil || !bytes.Contains(text.Bytes(), []byte("== Heap in use")) {
		t.Fatalf("%q, %v", text.String(), err)
	}
}

func keep(n int) []byte { return make([]byte, n) }

// The text says what was measured: a function with 64 MiB in use has them in the heap profile.
func TestTopFindsWhoHasIt(t *testing.T) {
	held := keep(64 << 20)
	runtime.GC()
	file := filepath.Join(t.TempDir(), "heap.pb.gz")
	f, err := os.Create(file)
	if err == nil {
		err = errors.Join(runtimepprof.Lookup("heap").WriteTo(f, 0), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	text, err := top(file, "inuse_space")
	if err != nil || !regexp.MustCompile(`6[4-9]\.\d\dMB +\d+\.\d% +6[4-9]\.\d\dMB .*bench/profile\.keep`).Match(text) {
		t.Errorf("%s %v", text, err)
	}
	runtime.KeepAlive(held)
}
