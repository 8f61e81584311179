//go:build e2e

package demo

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// basePort finds four free ports in a row.
func basePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		base := 20000 + rand.IntN(10000)
		if fourFree(base) {
			return base
		}
	}
	t.Fatal("no four free ports in a row")
	return 0
}

func fourFree(base int) bool {
	for i := range weights {
		if vacant(fmt.Sprintf("%s:%d", host, base+i)) != nil {
			return false
		}
	}
	return true
}

// spike is the command `spike demo` with these arguments, not started.
func spike(t *testing.T, base int, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	bin := os.Getenv("SPIKE_BIN")
	if bin == "" {
		t.Fatal("SPIKE_BIN names no binary: make e2e sets it")
	}
	cmd := exec.Command(bin, append([]string{"demo", "--base-port", fmt.Sprint(base)}, args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	return cmd, &out
}

func TestDemo(t *testing.T) {
	dir := t.TempDir()
	base := basePort(t)
	for range 2 { // the second run finds the first run's logs
		cmd, out := spike(t, base, "--requests", "20000", "--units", "500", "--out", dir)
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	report, err := os.ReadFile(filepath.Join(dir, "report.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`(?m)^20,000 requests over 256 keep-alive connections`,
		`(?m)^  edge-1 +1 +2,000 +10\.00%`, `(?m)^  edge-2 +2 +4,000 +20\.00%`,
		`(?m)^  edge-3 +3 +6,000 +30\.00%`, `(?m)^  edge-4 +4 +8,000 +40\.00%`,
		`(?m)^  all +20,000 +100\.00% +500 +500$`,
		`code 1 +500 +won`, `code -1 +19,500 +sold out`, `transport errors +0\n`,
		`ok   500 wins: no serial twice`, `ok   ticket_hash_key: ticket_total_nums 500, ticket_sold_nums 500`,
		`ok   audit: every unit once: 500 = 500 pending`,
	} {
		if !regexp.MustCompile(want).Match(report) {
			t.Errorf("the report has no %s", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", report)
	}
	if !fourFree(base) {
		t.Error("an edge is still there")
	}
}

func TestDemoWithMoreUnitsThanRequests(t *testing.T) {
	cmd, out := spike(t, basePort(t), "--requests", "2000", "--units", "5000", "--connections", "16")
	if err := cmd.Run(); err != nil || !strings.Contains(out.String(), "ok   2,000 units sold of 5,000") {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestDemoNamesABusyPort(t *testing.T) {
	base := basePort(t)
	busy := fmt.Sprintf("%s:%d", host, base+2)
	l, err := net.Listen("tcp", busy)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cmd, out := spike(t, base)
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 2 || !strings.Contains(out.String(), busy) {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestInterruptedDemoLeavesNothing(t *testing.T) {
	base := basePort(t)
	cmd, out := spike(t, base, "--requests", "100000000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	for fourFree(base) && time.Since(begin) < 10*time.Second {
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(time.Second) // until the crowd is on
	_ = cmd.Process.Signal(syscall.SIGINT)
	kill := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	_ = cmd.Wait()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(out.String(), "interrupted") {
		t.Errorf("exit %d\n%s", cmd.ProcessState.ExitCode(), out)
	}
	if !fourFree(base) {
		t.Error("an edge is still there")
	}
}
