// Package redistest starts a real redis-server for a test.
package redistest

import (
	"net"
	"os/exec"
	"testing"
	"time"

	"spike/bench/process"
)

// Start runs redis-server on a free loopback port, without persistence, and ends it by pid with the test. args are more
// arguments of redis-server. If another process has taken the port meanwhile, Start tries another one.
func Start(t testing.TB, args ...string) (addr string) {
	t.Helper()
	for range tries {
		if addr = FreeAddr(t); start(t, addr, args...) {
			return addr
		}
	}
	t.Fatal("redis-server finds no port")
	return ""
}

// tries is how many ports Start tries.
const tries = 5

// StartAt is Start at an address of the caller's choice, where a server may have been before.
func StartAt(t testing.TB, addr string, args ...string) string {
	t.Helper()
	if !start(t, addr, args...) {
		t.Fatalf("redis-server does not listen on %s", addr)
	}
	return addr
}

// start starts a server, and says whether it listens at addr.
func start(t testing.TB, addr string, args ...string) bool {
	t.Helper()
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command("redis-server", append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "",
		"--appendonly", "no", "--dir", t.TempDir()}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatalf("redis-server (make deps installs it): %v", err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		select {
		case <-ended:
			return false
		default:
		}
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close()
			if process.Listens(cmd.Process.Pid, addr) == nil {
				return true
			}
		}
	}
	return false
}

// FreeAddr is a loopback address on which nobody listened a moment ago.
func FreeAddr(t testing.TB) string {
	t.Helper()
	addr, err := process.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}
