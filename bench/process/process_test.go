//go:build unix

package process

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"spike/bench"
)

// A goroutine of rueidis, which refreshes the topology, sleeps for up to a second after Close.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

func shell(t *testing.T, script string) *Process {
	t.Helper()
	p, err := Start(t.Context(), Spec{Name: "sh", Path: "/bin/sh", Args: []string{"-c", script}, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

func TestReadyReportsWhatAnEndedServerSaid(t *testing.T) {
	p := shell(t, "echo cannot listen; exit 7")
	err := p.Ready(t.Context(), 5*time.Second, func(context.Context) error { return errors.New("no answer") })
	if !errors.Is(err, bench.ErrDependency) || !strings.Contains(err.Error(), "cannot listen") {
		t.Fatalf("got %v", err)
	}
}

func TestReadyGivesUp(t *testing.T) {
	p := shell(t, "sleep 30")
	err := p.Ready(t.Context(), 50*time.Millisecond, func(context.Context) error { return errors.New("no answer") })
	if !errors.Is(err, bench.ErrDependency) || !p.Alive() {
		t.Fatalf("got %v, alive %v", err, p.Alive())
	}
}

func TestStopEndsTheProcess(t *testing.T) {
	p := shell(t, "exec sleep 30")
	p.Stop()
	if p.Alive() {
		t.Fatal("still there")
	}
	p.Stop() // again is harmless
}

func TestEndOfContextEndsTheProcess(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, err := Start(ctx, Spec{Name: "sleep", Path: "/bin/sh", Args: []string{"-c", "exec sleep 30"}, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		t.Fatal("still there")
	}
}

func TestCPUGrowsWithWork(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip(ErrNoCPU)
	}
	p := shell(t, "while :; do :; done")
	deadline := time.Now().Add(5 * time.Second)
	for {
		cpu, err := p.CPU()
		if err != nil {
			t.Fatal(err)
		}
		if cpu > 20*time.Millisecond {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("a busy loop used %v", cpu)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestScriptCalls(t *testing.T) {
	const info = "# Commandstats\r\ncmdstat_eval:calls=2,usec=9,usec_per_call=4.50,rejected_calls=0,failed_calls=0\r\n" +
		"cmdstat_evalsha:calls=40,usec=1\r\ncmdstat_hget:calls=1000,usec=3\r\ncmdstat_script|load:calls=5,usec=1\r\n" +
		"cmdstat_fcall:calls=300,usec=1\r\n"
	if n, err := callsIn(info, scriptCommands); n != 342 || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
	if _, err := callsIn("cmdstat_eval:calls=many,usec=9\r\n", scriptCommands); err == nil {
		t.Fatal("accepted a word for a number")
	}
}

// No port is one that the kernel gives to outgoing connections: by default, those from 32768.
func TestFreeAddrIsNotOneOfTheKernels(t *testing.T) {
	seen := map[string]bool{}
	for range 50 {
		addr, err := FreeAddr()
		if err != nil {
			t.Fatal(err)
		}
		at := netip.MustParseAddrPort(addr)
		if !at.Addr().IsLoopback() || at.Port() < 1024 || at.Port() >= 32768 {
			t.Error(addr)
		}
		seen[addr] = true
	}
	if len(seen) < 40 {
		t.Errorf("%d addresses of 50", len(seen))
	}
}

func TestLabel(t *testing.T) {
	for labels, want := range map[string]string{
		`sale="a",outcome="won"}`: "a", `outcome="won",sale="b"}`: "b", `wholesale="c"}`: "", "": "",
	} {
		if got := Label(labels, "sale"); got != want {
			t.Errorf("%s: %q", labels, got)
		}
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
	p, err := Start(t.Context(), Spec{Name: "sleeper", Path: "/bin/sleep", Args: []string{"60"}, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	if err := Listens(p.PID(), addr); err == nil {
		t.Error("it is believed to listen where we do")
	}
	asked := 0
	err = p.ReadyAt(t.Context(), 200*time.Millisecond, addr, func(context.Context) error {
		asked++
		return nil
	})
	if err == nil || asked > 0 {
		t.Errorf("it is believed to be ready: %v, asked %d times", err, asked)
	}
}

// A dead server's port is not another's: it may be started again.
func TestD16NoAddressIsGivenTwice(t *testing.T) {
	seen := map[string]bool{}
	for range 3_000 {
		addr, err := FreeAddr()
		if err != nil || seen[addr] {
			t.Fatalf("%s, the %dth: %v", addr, len(seen)+1, err)
		}
		seen[addr] = true
	}
}

// A server must listen on all of its addresses.
func TestD16EveryAddressIsItsOwn(t *testing.T) {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{Name: "we", cmd: &exec.Cmd{Process: self}, done: make(chan struct{})}
	var addrs []string
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		addrs = append(addrs, l.Addr().String())
	}
	well := func(context.Context) error { return nil }
	if err := p.ReadyAt(t.Context(), 10*time.Second, strings.Join(addrs, ","), well); err != nil {
		t.Error(err)
	}
	if err := p.ReadyAt(t.Context(), 100*time.Millisecond, addrs[0]+",127.0.0.1:1", well); err == nil {
		t.Error("nobody listens on the second")
	}
}
