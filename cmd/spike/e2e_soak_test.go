//go:build e2e

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// soakFor returns how long the soak lasts: SPIKE_SOAK, a duration.
func soakFor(t testing.TB) time.Duration {
	t.Helper()
	text := os.Getenv("SPIKE_SOAK")
	if text == "" {
		return 12 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Full load for a long time: units are won, not paid for, come back and are won again. Every second the ledger is in order.
// No process grows: after a warm-up of half the time, the third quarter is compared with the last.
func TestSoak(t *testing.T) {
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "ticket", "--total", "2000", "--hold", "2s", "--redis", redis.addr)
	work := startOrders(t, "--redis", redis.addr, "--db", "sqlite:"+filepath.Join(t.TempDir(), "orders.db"))
	edges := []*testServer{
		startEdge(t, "--redis", redis.addr, "--data", t.TempDir()),
		startEdge(t, "--redis", redis.addr, "--data", t.TempDir()),
	}
	length := soakFor(t)
	var loads []*exec.Cmd
	for _, e := range edges {
		load := exec.Command("wrk", "-t1", "-c64", fmt.Sprintf("-d%ds", int(length.Seconds())), e.buyURL("ticket"))
		load.Stdout = &strings.Builder{}
		if err := load.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = load.Process.Kill() })
		loads = append(loads, load)
	}
	grows := growth{}
	audits := 0
	for end := time.Now().Add(length - time.Second); time.Now().Before(end); time.Sleep(time.Second) {
		redis.audit(t, "ticket")
		audits++
		for i, e := range edges {
			w := e.usage(t)
			grows.note(fmt.Sprint("edge ", i+1, " KiB"), resident(t, e.PID()))
			grows.note(fmt.Sprint("edge ", i+1, " goroutines"), w.goroutines)
			grows.note(fmt.Sprint("edge ", i+1, " files"), w.files)
		}
		grows.note("redis KiB", resident(t, redis.pid(t)))
		grows.note("orders KiB", resident(t, work.PID()))
	}
	for i, load := range loads {
		if err := load.Wait(); err != nil {
			t.Error(err)
		}
		out := fmt.Sprint(load.Stdout)
		if strings.Contains(out, "Non-2xx") || strings.Contains(out, "Socket errors") {
			t.Errorf("edge %d failed somebody:\n%s", i+1, out)
		}
		_, after, _ := strings.Cut(out, "Requests/sec:")
		rate, _, _ := strings.Cut(strings.TrimSpace(after), "\n")
		t.Logf("edge %d: %s requests/s", i+1, rate)
	}
	grows.flat(t)
	wins := 0.0
	for _, e := range edges {
		wins += e.metrics(t).Sum("spike_buys_total", "outcome", "won")
	}
	t.Logf("%v, %d audits in order, %.0f wins of 2000 units", length, audits, wins)
	if wins < 4000 {
		t.Errorf("%.0f wins: the units did not come back", wins)
	}
}

// resident returns a process's memory in KiB.
func resident(t testing.TB, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	n, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// growth has samples by name, in the order of time.
type growth map[string][]int

func (g growth) note(what string, n int) { g[what] = append(g[what], n) }

// flat compares the medians of the third and the last quarter. A tenth and a little more is noise.
func (g growth) flat(t testing.TB) {
	t.Helper()
	for what, all := range g {
		n := len(all)
		was, is := median(all[n/2:3*n/4]), median(all[3*n/4:])
		t.Logf("%s: %d, then %d", what, was, is)
		noise := 16
		if strings.HasSuffix(what, "KiB") {
			noise = 8 << 10
		}
		if is > was+was/10+noise {
			t.Errorf("%s grows: %v", what, all)
		}
	}
}

func median(of []int) int {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}
