//go:build e2e

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
)

// Rows P8, P9 and P13 on the built binary: what an operator hears in a recovery, a sale that closes while Redis stands still,
// and readers that follow a Redis.

// cable is a way to a server that can be cut.
type cable struct {
	net.Listener
	to    string
	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

func newCable(t *testing.T, to string) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &cable{Listener: l, to: to}
	t.Cleanup(func() { _ = l.Close(); w.sever(true) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go w.carry(c)
		}
	}()
	return w
}

func (w *cable) carry(c net.Conn) {
	defer func() { _ = c.Close() }()
	w.mu.Lock()
	there, err := net.Dial("tcp", w.to)
	if w.cut || err != nil {
		w.mu.Unlock()
		return
	}
	w.conns = append(w.conns, c, there)
	w.mu.Unlock()
	defer func() { _ = there.Close() }()
	go func() { _, _ = io.Copy(there, c); _ = there.Close() }()
	_, _ = io.Copy(c, there)
}

func (w *cable) sever(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	if cut {
		for _, c := range w.conns {
			_ = c.Close()
		}
		w.conns = nil
	}
}

// pidOf returns the process id of a Redis.
func pidOf(t *testing.T, addr string) int {
	t.Helper()
	host, port, _ := net.SplitHostPort(addr)
	out, err := exec.Command("redis-cli", "-h", host, "-p", port, "info", "server").Output()
	m := regexp.MustCompile(`process_id:(\d+)`).FindSubmatch(out)
	if err != nil || m == nil {
		t.Fatal(err, string(out))
	}
	pid, _ := strconv.Atoi(string(m[1]))
	return pid
}

// killAt kills a Redis by kill -9, and waits until nobody listens at its address.
func killAt(t *testing.T, addr string) {
	t.Helper()
	if err := syscall.Kill(pidOf(t, addr), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "it is dead", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
}

// A Redis comes back from an older snapshot. An edge is slow to reach it, and sells from a lease that this Redis does not
// know. When pause or close says that no edge sells, none does. It also says that an unknown number of units was promised.
func TestP8NoEdgeSellsWhenPauseSaysSo(t *testing.T) {
	t.Parallel()
	runs := 2
	if long() {
		runs = 50
	}
	for k := range runs {
		addr, dir := rigtest.FreeAddr(t), t.TempDir()
		rigtest.StartRedisAt(t, addr, "--dir", dir)
		mustSpike(t, "sale", "create", "ticket", "--total", "1000000", "--redis", addr)
		if out, err := exec.Command("redis-cli", "-p", addr[strings.LastIndex(addr, ":")+1:], "save").CombinedOutput(); err != nil {
			t.Fatal(err, string(out))
		}
		way := newCable(t, addr)
		edge := startEdge(t, "--redis", way.Addr().String())
		w, stop := rigtest.StartCrowd(t, rigtest.CrowdOptions{Connections: 4, URLs: []string{edge.buyURL("ticket")}})
		eventually(t, patience, "it sells", func() bool { return w.Count(rigtest.Won) > 1000 })
		way.sever(true)
		killAt(t, addr)
		rigtest.StartRedisAt(t, addr, "--dir", dir)
		word := []string{"pause", "close"}[k%2]
		out, errs, code := spike(t, "sale", word, "ticket", "--redis", addr)
		told := w.Count(rigtest.Won)
		time.Sleep(time.Second)
		more := w.Count(rigtest.Won) - told
		stop()
		if code != 0 || more > 0 {
			t.Errorf("%s: exit %d; %d wins after it\n%s%s", word, code, more, out, errs)
		}
		if !strings.Contains(out, "an unknown number of units") {
			t.Errorf("it does not say that promises are unknown: %s", out)
		}
		edge.die()
		killAt(t, addr)
	}
}

// A sale closes while Redis stands still. Every win was won before the close. A reservation's end shows when it was won.
func TestP9NothingIsWonAfterTheSaleHasClosed(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	const hold = time.Minute
	edge := startEdge(t, "--redis", redis.addr)
	closes := time.Now().Add(10 * time.Second).Truncate(time.Second)
	mustSpike(t, "sale", "create", "ticket", "--total", "1000000", "--hold", hold.String(),
		"--closes", closes.Format(time.RFC3339), "--redis", redis.addr)
	var mu sync.Mutex
	before, after := 0, 0
	note := func(a rigtest.Answer) {
		if a.Word() != rigtest.Won {
			return
		}
		won, err := a.Reservation()
		mu.Lock()
		defer mu.Unlock()
		if err != nil || !won.ExpiresAt.Before(closes.Add(hold)) {
			after++
			return
		}
		before++
	}
	pid := pidOf(t, redis.addr)
	time.Sleep(time.Until(closes.Add(-3 * time.Second)))
	many, stop := context.WithDeadline(t.Context(), closes.Add(-time.Second)) // a crowd so large that the edge leases thousands
	_, _ = rigtest.RunCrowd(many, rigtest.CrowdOptions{URLs: []string{edge.buyURL("ticket")}, Connections: 8, Requests: 1 << 30,
		Heard: note})
	stop()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	crowdFor(t, edge, closes.Add(3*time.Second), note)
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if before == 0 || after > 0 {
		t.Errorf("%d wins before the end, %d after it", before, after)
	}
}

// crowdFor buys until a moment, one buy every few milliseconds, so that units are left at the end.
func crowdFor(t *testing.T, e *testServer, until time.Time, note func(rigtest.Answer)) {
	t.Helper()
	c := rigtest.NewConn(t, e.addr)
	for time.Now().Before(until) {
		if a, err := c.Ask("POST", "/buy/ticket"); err == nil {
			note(a)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// redis-cli --replica on a lone Redis stops no sale, neither while it follows nor after it has left.
func TestP13AReaderStopsNoSale(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	// With a limit, each buy asks Redis.
	mustSpike(t, "sale", "create", "ticket", "--total", "1000", "--limit-per-buyer", "100", "--redis", redis.addr)
	edge := startEdge(t, "--redis", redis.addr)
	buy := func(when string) {
		t.Helper()
		if a := edge.buy(t, "ticket", "X-Buyer-Id", "b"); a.Word() != rigtest.Won {
			t.Errorf("%s: %v", when, a)
		}
	}
	buy("before")
	cli := exec.Command("redis-cli", "-p", redis.addr[strings.LastIndex(redis.addr, ":")+1:], "--replica")
	if err := cli.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = cli.Process.Kill(), cli.Wait() }()
	online := func(n int) func() bool {
		return func() bool {
			said, err := redis.do(t, "INFO", "replication").ToString()
			return err == nil && strings.Count(said, "state=online") == n
		}
	}
	eventually(t, patience, "it follows", online(1))
	for range 20 {
		buy("while it follows")
		time.Sleep(20 * time.Millisecond)
	}
	_, _ = cli.Process.Kill(), cli.Wait()
	eventually(t, patience, "it has left", online(0))
	for range 20 {
		buy("when it has left")
		time.Sleep(20 * time.Millisecond)
	}
}

// A reader that announces a port counts as a replica and is missed when it leaves. --replicas says that it is none; sale
// reopen --all lets all sales go on without it.
func TestP13AllSalesAreReopened(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	sales := []string{"a", "b", "c", "d", "e"}
	for _, sale := range sales {
		mustSpike(t, "sale", "create", sale, "--total", "1000", "--redis", redis.addr)
	}
	edge := startEdge(t, "--redis", redis.addr)
	redis.do(t, "CONFIG", "SET", "repl-diskless-sync-delay", "0")
	reader, err := net.Dial("tcp", redis.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	fmt.Fprint(reader, "REPLCONF listening-port 7777\r\n")
	if _, err := reader.Read(make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(reader, "PSYNC ? -1\r\n")
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	missing := func() (n int) {
		for _, sale := range sales {
			n += strings.Count(mustSpike(t, "sale", "show", sale, "--redis", redis.addr), "replicas are there")
		}
		return n
	}
	eventually(t, patience, "it follows", func() bool {
		said, err := redis.do(t, "INFO", "replication").ToString()
		return err == nil && strings.Contains(said, "state=online")
	})
	for _, sale := range sales {
		spike(t, "sale", "resume", sale, "--redis", redis.addr) // a script that writes sees the replica
	}
	_ = reader.Close()
	eventually(t, patience, "each sale misses it", func() bool { return missing() == len(sales) })
	if _, errs, code := spike(t, "sale", "reopen", "--all", "--redis", redis.addr); code != 2 || !strings.Contains(errs, "--yes") {
		t.Errorf("exit %d %s", code, errs)
	}
	reopen := func(left int, args ...string) {
		t.Helper()
		had := missing()
		out := mustSpike(t, append([]string{"sale", "reopen", "--yes", "--redis", redis.addr}, args...)...)
		if strings.Count(out, "waited for 1 replicas, from now on waits for 0") != had-left || missing() != left {
			t.Errorf("%q: %s%d of %d miss it, not %d", args, out, missing(), had, left)
		}
	}
	reopen(4, "a", "--replicas", "0") // a cap must not hide that the sale waits
	reopen(3, "b", "--replicas", "1") // nor be a demand
	reopen(2, "c")
	reopen(0, "--all", "--replicas", "0")
	if out := mustSpike(t, "sale", "reopen", "--all", "--yes", "--redis", redis.addr); out != "no sale waits for replicas\n" {
		t.Error(out)
	}
	for _, sale := range sales {
		eventually(t, patience, "it sells", func() bool { return edge.buy(t, sale).Word() == rigtest.Won })
	}
}
