// Package redistest starts a real redis-server for a test.
package redistest

import (
	"net"
	"os/exec"
	"testing"
	"time"

	"spike/bench/process"
)

// Start runs redis-server on a free loopback port with nothing kept on disk, and ends it, by pid, with the test. More
// arguments are redis-server's own.
func Start(t testing.TB, args ...string) (addr string) {
	t.Helper()
	return StartAt(t, FreeAddr(t), args...)
}

// StartAt is Start at an address of the caller's choice, where perhaps one was before.
func StartAt(t testing.TB, addr string, args ...string) string {
	t.Helper()
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command("redis-server", append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "",
		"--appendonly", "no", "--dir", t.TempDir()}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatalf("redis-server (make deps installs it): %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close()
			return addr
		}
	}
	t.Fatalf("redis-server does not listen on %s", addr)
	return ""
}

// FreeAddr is a loopback address nobody listened on a moment ago.
func FreeAddr(t testing.TB) string {
	t.Helper()
	addr, err := process.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}
