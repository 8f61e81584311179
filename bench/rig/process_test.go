//go:build unix

package rig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"spike/bench"
)

func shell(t *testing.T, script string) *Process {
	t.Helper()
	p := &Process{Spec: Spec{Name: "sh", Path: "/bin/sh", Args: []string{"-c", script}, Dir: t.TempDir()}}
	if err := p.Launch(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.End)
	return p
}

func unready(context.Context) error { return errors.New("no answer") }

func TestReadyReportsWhatAnEndedServerSaid(t *testing.T) {
	p := shell(t, "echo cannot listen; exit 7")
	err := p.Within(t.Context(), 5*time.Second, unready)
	if !errors.Is(err, bench.ErrDependency) || !strings.Contains(err.Error(), "cannot listen") {
		t.Fatalf("got %v", err)
	}
}

func TestReadyGivesUp(t *testing.T) {
	p := shell(t, "sleep 30")
	p.Limit, p.Probe = 50*time.Millisecond, unready
	if err := p.Ready(t.Context()); !errors.Is(err, bench.ErrDependency) || !p.Alive() {
		t.Fatalf("got %v, alive %v", err, p.Alive())
	}
}

func TestStopEndsTheProcess(t *testing.T) {
	p := shell(t, "trap 'exit 3' TERM; echo trapped; while :; do sleep 0.02; done")
	if err := p.Within(t.Context(), 20*time.Second, func(context.Context) error {
		if !strings.Contains(p.Output(), "trapped") {
			return errors.New("not yet")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := p.Stop(); !errors.As(err, &exit) || exit.ExitCode() != 3 || p.Alive() {
		t.Fatalf("%v, alive %v", err, p.Alive())
	}
	_ = p.Stop() // again is harmless
	p.End()
}

// A process that is paused, and has a child, ends with its child.
func TestEndTakesTheChildren(t *testing.T) {
	p := shell(t, "sleep 300 & wait")
	for deadline := time.Now().Add(20 * time.Second); len(childrenOf(p.PID())) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no child")
		}
	}
	child := childrenOf(p.PID())[0]
	p.Pause()
	p.End()
	for deadline := time.Now().Add(20 * time.Second); isAlive(child); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the child lives")
		}
	}
}

// isAlive says whether a process is there and no zombie.
func isAlive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(text), ") Z ")
}

// A second life goes on in the same log.
func TestAProcessStartsAgain(t *testing.T) {
	p := shell(t, "echo here; exit 0")
	for range 2 {
		if err := p.Wait(); err != nil {
			t.Fatal(err)
		}
		if err := p.Launch(); err != nil {
			t.Fatal(err)
		}
	}
	_ = p.Wait()
	if got := strings.Count(p.Output(), "here"); got != 3 {
		t.Errorf("%d lives", got)
	}
}

func TestNoServerInheritsSettings(t *testing.T) {
	t.Setenv("SPIKE_TOTAL", "7")
	t.Setenv("ANOTHER", "kept")
	p := &Process{Spec: Spec{Name: "env", Path: "/usr/bin/env", Dir: t.TempDir(), Env: []string{"SPIKE_DB=given"}}}
	if err := p.Launch(); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	out := p.Output()
	if strings.Contains(out, "SPIKE_TOTAL") || !strings.Contains(out, "ANOTHER=kept") || !strings.Contains(out, "SPIKE_DB=given") {
		t.Error(out)
	}
}

// A worker's CPU time counts, though the master does nothing.
func TestCPUGrowsWithTheWorkersWork(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip(ErrNoCPU)
	}
	p := shell(t, "(while :; do :; done) & wait")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		cpu, err := p.CPU()
		if err != nil {
			t.Fatal(err)
		}
		alone, err := cpuOf(p.PID())
		if err != nil {
			t.Fatal(err)
		}
		if cpu > 200*time.Millisecond && alone < cpu/2 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("a busy loop used %v, the master %v", cpu, alone)
		}
	}
}

// No port is one that the kernel gives to outgoing connections: by default, those from 32768.
func TestFreeAddrIsNotOneOfTheKernels(t *testing.T) {
	for range 50 {
		addr, err := FreeAddr()
		if err != nil {
			t.Fatal(err)
		}
		at := netip.MustParseAddrPort(addr)
		if !at.Addr().IsLoopback() || at.Port() < 1024 || at.Port() >= 32768 {
			t.Error(addr)
		}
	}
}

// A dead server's port is not another's: it may be started again. Nor does another process get it.
func TestD16NoAddressIsGivenTwice(t *testing.T) {
	seen := map[string]bool{}
	for range 300 {
		addr, err := FreeAddr()
		if err != nil {
			t.Fatal(err)
		}
		if seen[addr] {
			t.Errorf("%s twice", addr)
		}
		if hold(addr) == nil {
			t.Errorf("%s would be another's, too", addr)
		}
		seen[addr] = true
	}
}

// Row D16: another server that answers on the port is not taken for the started server.
func TestD16SomebodyElseAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr := l.Addr().String()
	if err := Listens(os.Getpid(), addr); err != nil {
		t.Error(err)
	}
	p := shell(t, "exec sleep 60")
	if err := Listens(p.PID(), addr); err == nil {
		t.Error("it is believed to listen where we do")
	}
	asked := 0
	p.Addrs, p.Limit = []string{addr}, 200*time.Millisecond
	p.Probe = func(context.Context) error {
		asked++
		return nil
	}
	if err = p.Ready(t.Context()); err == nil || asked > 0 {
		t.Errorf("it is believed to be ready: %v, asked %d times", err, asked)
	}
}

// A server must listen on all of its addresses.
func TestD16EveryAddressIsItsOwn(t *testing.T) {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{Spec: Spec{Name: "we", Dir: t.TempDir()}, life: &life{cmd: &exec.Cmd{Process: self}, done: make(chan struct{})}}
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		p.Addrs = append(p.Addrs, l.Addr().String())
	}
	if err := p.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	p.Addrs[1], p.Limit = "127.0.0.1:1", 100*time.Millisecond
	if err := p.Ready(t.Context()); err == nil {
		t.Error("nobody listens on the second")
	}
}
