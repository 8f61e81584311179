//go:build e2e

package main

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"spike/bench/rig/rigtest"
	"spike/edge/listener"
)

// socketUnit is what systemd is to an edge behind a socket unit: it holds the buyers' socket, starts one process after the other
// with it, and hears what they tell.
type socketUnit struct {
	t      *testing.T
	socket *net.TCPListener
	*ears
	line  []string
	admin string
	edge  *testServer
}

// ears is what a service manager hears.
type ears struct {
	notify string      // the address to which it is told
	told   rigtest.Log // a line for each thing told
}

func newEars(t *testing.T) *ears {
	t.Helper()
	e := &ears{notify: filepath.Join(t.TempDir(), "notify")}
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: e.notify, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	var hearing sync.WaitGroup
	hearing.Go(func() {
		for b := make([]byte, 4096); ; {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			_, _ = e.told.Write([]byte(strings.ReplaceAll(string(b[:n]), "\n", " ") + "\n"))
		}
	})
	t.Cleanup(func() {
		_ = c.Close()
		hearing.Wait()
		if t.Failed() {
			t.Logf("told:\n%s", e.told.String())
		}
	})
	return e
}

func (e *ears) count(word string) int { return strings.Count(e.told.String(), word) }

func newSocketUnit(t *testing.T, args ...string) *socketUnit {
	t.Helper()
	l, err := listener.Listen("127.0.0.1:0") // plain TCP, as systemd listens
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	u := &socketUnit{t: t, socket: l, ears: newEars(t), admin: rigtest.FreeAddr(t)}
	u.line = append([]string{binary(t), "serve", "--admin", u.admin, "--data", t.TempDir(), "--drain", "200ms"}, args...)
	return u
}

func (u *socketUnit) url(sale string) string {
	return "http://" + u.socket.Addr().String() + "/buy/" + sale
}

// start starts a process with the socket as its file 3, and waits until it has told that it is up.
func (u *socketUnit) start() {
	u.t.Helper()
	file, err := u.socket.File()
	if err != nil {
		u.t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	p := &rigtest.Process{Spec: rigtest.Spec{Name: "edge", Dir: u.t.TempDir(), Files: []*os.File{file},
		Path: "sh", Args: append([]string{"-c", `LISTEN_PID=$$ WATCHDOG_PID=$$ exec "$@"`, "sh"}, u.line...),
		Env: []string{"LISTEN_FDS=1", "LISTEN_FDNAMES=buyers", "NOTIFY_SOCKET=" + u.notify, "WATCHDOG_USEC=4000000"}}}
	ups := u.count("READY=1")
	rigtest.Launch(u.t, p)
	u.edge = asTest(&rigtest.Server{Process: p, Addr: u.socket.Addr().String(), Admin: u.admin})
	eventually(u.t, patience, "it tells that it is up", func() bool { return u.count("READY=1") > ups })
}

// restart ends the process as systemd does. No two processes have the directory at a time.
func (u *socketUnit) restart() {
	u.t.Helper()
	u.edge.stop(u.t)
	u.start()
}

// A lone edge behind its socket unit is restarted in full load. No connection is refused or reset, every buy is answered, and the
// sale sells exactly its units.
// It proves G19.
func TestLoneEdgeIsRestartedBehindItsSocket(t *testing.T) {
	t.Parallel()
	const total, restarts = 20_000, 3
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "rush", "--total", "4000000000", "--hold", "1h", "--redis", redis.addr)
	redis.hmset(t, "ticket", fmt.Sprint(total))
	u := newSocketUnit(t, "--redis", redis.addr)
	u.start()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	var crowds sync.WaitGroup
	var answers atomic.Int64
	results := make([]rigtest.CrowdResult, 3)
	var rush, tickets rigtest.Wins
	run := func(i int, o rigtest.CrowdOptions) {
		o.Requests, o.Timeout = 1<<24, 30*time.Second
		crowds.Go(func() { results[i], _ = rigtest.RunCrowd(ctx, o) })
	}
	rushed := func(a rigtest.Answer) { answers.Add(1); rush.Note(a) }
	run(0, rigtest.CrowdOptions{URLs: []string{u.url("rush")}, Connections: 32, Heard: rushed})
	run(1, rigtest.CrowdOptions{URLs: []string{u.url("rush")}, Connections: 16, Heard: rushed,
		Dress: func(_ int64, h *fasthttp.RequestHeader) { h.SetConnectionClose() }})
	run(2, rigtest.CrowdOptions{URLs: []string{u.url("ticket")}, Connections: 16, Heard: tickets.Hear,
		Rate: 2000}) // so that the sale outlasts the restarts
	sold := func() int { return tickets.Count(rigtest.Won) }
	for i := range restarts {
		at := answers.Load() + 5000
		eventually(t, patience, "it is in full load", func() bool { return answers.Load() > at && sold() > (i+1)*total/8 })
		u.restart()
	}
	if sold() == total {
		t.Error("no evidence: the sale ended before the last restart")
	}
	eventually(t, 5*time.Minute, "all are sold", func() bool {
		return sold() >= total && tickets.Count(rigtest.SoldOut) > 0
	})
	cancel()
	crowds.Wait()
	u.edge.stop(t)
	kinds := map[string]int64{}
	for _, r := range results {
		for kind, n := range r.ErrorKinds {
			kinds[kind] += n
		}
	}
	cut := uint64(kinds["cancelled"])
	maps.DeleteFunc(kinds, func(kind string, _ int64) bool { return kind == "cancelled" })
	a, b := redis.audit(t, "ticket"), redis.audit(t, "rush")
	t.Logf("%d answers in the rush, %d cut off at its end; errors %v", answers.Load(), cut, kinds)
	if n := rush.Count(rigtest.Won); len(kinds) > 0 || int64(n) != answers.Load() || tickets.Odd() != "" {
		t.Errorf("%v; %d of %d won: %s; %s", kinds, n, answers.Load(), rush.Odd(), tickets.Odd())
	}
	if tickets.Wrong() != nil || sold() != total || a.Pending != total || a.Free+a.Leased+a.Limbo > 0 {
		t.Errorf("%d told of %d, %q: %+v", sold(), total, tickets.Wrong(), a)
	}
	told := uint64(rush.Count(rigtest.Won))
	if rush.Wrong() != nil || b.Pending < told || b.Pending > told+cut || b.Leased+b.Limbo > 0 {
		t.Errorf("rush: %d told, %q: %+v", told, rush.Wrong(), b)
	}
	if n := u.count("STOPPING=1"); n != restarts+1 {
		t.Errorf("%d ends were told", n)
	}
}

// A buyer who connects while no process runs waits in the socket's queue. The next process answers.
func TestBuyersWaitInTheSocketsQueue(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	redis.hmset(t, "ticket", "10")
	u := newSocketUnit(t, "--redis", redis.addr)
	for range 2 { // before the first process, and between two
		c, err := net.Dial("tcp", u.socket.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_, _ = fmt.Fprint(c, "GET /buy/ticket HTTP/1.1\r\nHost: x\r\n\r\n")
		u.start()
		_ = c.SetDeadline(time.Now().Add(patience))
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
		if r.StatusCode != http.StatusOK {
			t.Error(r.Status)
		}
		u.edge.stop(t)
	}
}

// The manager hears of proofs of life while the store is gone, of the status, and of reloads; the proofs cost no call, and count
// nowhere. A process that stands still proves nothing.
func TestServiceManagerHears(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	u := newSocketUnit(t, "--redis", redis.addr)
	u.start()
	eventually(t, patience, "it is ready", func() bool { return u.count("STATUS=ready") > 0 })
	alive := func(times int) {
		t.Helper()
		n := u.count("WATCHDOG=1")
		eventually(t, patience, "it lives", func() bool { return u.count("WATCHDOG=1") >= n+times })
	}
	scripts := redis.scripts(t)
	alive(3)
	if n := redis.scripts(t); n != scripts {
		t.Errorf("%d scripts", n-scripts)
	}
	if rigtest.Scrape(t, u.admin).Sum("spike_buys_total") > 0 {
		t.Error("a proof of life counts as a buy")
	}
	u.edge.Signal(syscall.SIGHUP)
	reload := regexp.MustCompile(`RELOADING=1 MONOTONIC_USEC=\d+\n(?:WATCHDOG=1\n)*READY=1`)
	eventually(t, patience, "it reloads", func() bool { return reload.MatchString(u.told.String()) })
	stopped := redis.pid(t)
	_ = syscall.Kill(stopped, syscall.SIGSTOP)
	defer func() { _ = syscall.Kill(stopped, syscall.SIGCONT) }()
	eventually(t, patience, "the status names the store", func() bool { return u.count("STATUS=store: ") > 0 })
	alive(2)
	_ = syscall.Kill(stopped, syscall.SIGCONT)
	ready := u.count("STATUS=ready")
	eventually(t, patience, "it is ready again", func() bool { return u.count("STATUS=ready") > ready })
	u.edge.Signal(syscall.SIGSTOP)
	time.Sleep(500 * time.Millisecond) // what was told before is heard
	n := u.count("WATCHDOG=1")
	time.Sleep(2 * time.Second) // two proofs' time
	if u.count("WATCHDOG=1") != n {
		t.Error("a process that stands still has proved that it lives")
	}
	u.edge.Signal(syscall.SIGCONT)
	alive(1)
	u.edge.stop(t)
}

// Order workers and gates tell the same.
func TestServiceManagerHearsOthers(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "topology.yaml"),
		"listen: :1\ngate_dir: "+filepath.Join(dir, "gate")+"\nedges: [{addr: 127.0.0.1:3001, weight: 1}]\n")
	for what, args := range map[string][]string{
		"orders":              {"--db", "sqlite:" + filepath.Join(dir, "orders.db"), "--admin", rigtest.FreeAddr(t)},
		"gate":                {"--topology", filepath.Join(dir, "topology.yaml"), "--admin", rigtest.FreeAddr(t)},
		"gate, with no admin": {"--topology", filepath.Join(dir, "topology.yaml")},
	} {
		t.Run(what, func(t *testing.T) {
			e := newEars(t)
			command, _, _ := strings.Cut(what, ",")
			p := &rigtest.Process{Spec: rigtest.Spec{Name: command, Dir: t.TempDir(), Path: binary(t),
				Args: append([]string{command, "--redis", redis.addr}, args...),
				Env:  []string{"NOTIFY_SOCKET=" + e.notify, "WATCHDOG_USEC=2000000"}}}
			rigtest.Launch(t, p)
			eventually(t, patience, "it is up and lives", func() bool { return e.count("READY=1") > 0 && e.count("WATCHDOG=1") > 2 })
			if len(args) > 2 {
				eventually(t, patience, "it says that it is ready", func() bool { return e.count("STATUS=ready") > 0 })
			}
			p.Signal(syscall.SIGHUP)
			eventually(t, patience, "it reloads", func() bool { return e.count("RELOADING=1") == 1 && e.count("READY=1") == 2 })
			if err := p.Stop(); err != nil {
				t.Error(err)
			}
			eventually(t, patience, "it has said that it stops", func() bool { return e.count("STOPPING=1") == 1 })
		})
	}
}

// A socket that is no edge's is refused by name.
func TestOddSocketIsRefused(t *testing.T) {
	t.Parallel()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	file, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh", binary(t), "serve", "--admin", "")
	cmd.Env, cmd.ExtraFiles = rigtest.Environ("LISTEN_FDS=1"), []*os.File{file}
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != exitUsage || !strings.Contains(string(out), "buyers come by TCP") {
		t.Errorf("exit %d: %s", code, out)
	}
}
