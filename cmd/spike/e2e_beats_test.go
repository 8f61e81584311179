//go:build e2e

package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// processesOf is what `spike edges` lists.
func processesOf(t testing.TB, redis redisServer) (rows []processRow) {
	t.Helper()
	if err := json.Unmarshal([]byte(mustSpike(t, "edges", "-o", "json", "--redis", redis.addr)), &rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

// noted says whether the journal has such an entry.
func (r redisServer) noted(t testing.TB, is func(ledger.Entry) bool) bool {
	t.Helper()
	entries, err := r.Entries(t.Context(), "", ledger.EntriesMost)
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(entries, is)
}

// Edges and a gate are seen. The crowd that nginx answers is seen by the gate. An edge that is killed is silent, with the units
// that it holds; one that stops is not there any more.
func TestProcessesAreSeen(t *testing.T) {
	t.Parallel()
	s := newGateStage(t, "en")
	if _, err := s.redis.Create(t.Context(), "big", ledger.CreateRequest{Total: 100_000, Hold: time.Hour}); err != nil {
		t.Fatal(err)
	}
	rigtest.Crowd(t, 2000, 16, s.url+"/buy/big")
	var rows []processRow
	eventually(t, patience, "two edges and a gate are listed", func() bool {
		rows = processesOf(t, s.redis)
		ready := func(r processRow) bool { return r.Ready }
		return len(rows) == 3 && rows[0].Kind == ledger.EdgeKind && rows[1].Kind == ledger.EdgeKind &&
			rows[2].Kind == ledger.GateKind && ready(rows[0]) && ready(rows[1]) && ready(rows[2])
	})
	for _, r := range rows {
		if r.Silent || r.Version == "" || r.Started == nil || r.Age > ledger.BeatLasts.Microseconds() {
			t.Errorf("%+v", r)
		}
	}
	s.redis.hmset(t, "ticket", "20")
	s.sellOut(t, 20)
	before := s.front(t)
	rigtest.Crowd(t, 5000, 16, s.url+"/buy/ticket")
	eventually(t, patience, "nginx' requests are counted", func() bool { return s.front(t).Requests-before.Requests >= 5000 })
	if f := s.front(t); !f.Listening || f.Flags != 1 || f.Accepted == 0 || f.Requests < 5000 {
		t.Errorf("%+v", f)
	}
	s.edgesEnd(t)
}

// front is what the gate says of nginx, once it has seen it.
func (s *gateStage) front(t testing.TB) (f ledger.FrontBeat) {
	t.Helper()
	eventually(t, patience, "the gate sees nginx", func() bool {
		all, err := s.redis.Beats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range all {
			if b.Front != nil {
				f = *b.Front
			}
		}
		return f.Seen
	})
	return f
}

func (s *gateStage) edgesEnd(t testing.TB) {
	t.Helper()
	rigtest.Crowd(t, 500, 8, s.edges[0].buyURL("big")) // it has a lease
	if err := syscall.Kill(s.edges[0].PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "the killed edge is silent and holds units", func() bool {
		return slices.ContainsFunc(processesOf(t, s.redis), func(r processRow) bool { return r.Silent && r.Leased+r.Limbo > 0 })
	})
	eventually(t, patience, "the journal has its silence", func() bool {
		return s.redis.noted(t, func(e ledger.Entry) bool { return e.Did == "silent" && e.From == "edge" })
	})
	s.edges[1].stop(t)
	if !s.redis.noted(t, func(e ledger.Entry) bool { return e.Did == "stopped" && strings.Contains(e.Who, port(s.edges[1].addr)) }) {
		t.Error("the journal does not have that the edge stopped")
	}
	for _, r := range processesOf(t, s.redis) {
		if !r.Silent && r.Kind == ledger.EdgeKind {
			t.Errorf("%+v", r)
		}
	}
}

func port(addr string) string { return addr[strings.LastIndex(addr, ":"):] }

// The journal has what the operator of the command line did.
func TestCommandsAreInTheJournal(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	mustSpike(t, "sale", "create", "a", "--total", "5", "--redis", redis.addr)
	mustSpike(t, "sale", "add", "a", "2", "--redis", redis.addr)
	mustSpike(t, "sale", "pause", "a", "--redis", redis.addr)
	mustSpike(t, "sale", "remove", "a", "--yes", "--redis", redis.addr)
	entries, err := redis.Entries(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, fmt.Sprintf("%s %s from %s", e.Did, e.Sale, e.From))
		if e.Who != osUser() {
			t.Errorf("%+v", e)
		}
	}
	want := []string{"removed a from cli", "paused a from cli", "added a from cli", "created a from cli"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// idleCommands is the most commands that an edge without buyers may send Redis in a second, its beats among them.
const idleCommands = 12

// An idle edge sends Redis few commands, and beats by few of them. SPIKE_E2E_LONG measures what 16 of them cost Redis, with beats
// and without.
func TestIdleEdgeSendsFewCommands(t *testing.T) {
	t.Parallel()
	edges, watched := 1, 20*time.Second
	if long() {
		edges, watched = 16, 50*time.Second
		t.Run("without beats", func(t *testing.T) { idleEdges(t, edges, watched, false) })
	}
	idle := idleEdges(t, edges, watched, true)
	all := 0.0
	for _, n := range idle {
		all += n
	}
	if all > float64(edges*idleCommands) {
		t.Errorf("%.1f commands a second of %d edges", all, edges)
	}
	if n := idle["set"]; n > 1.1*float64(edges)+0.2 || n == 0 {
		t.Errorf("%.2f beats a second of %d edges", n, edges)
	}
}

// idleEdges is how often a second Redis executes each command for edges without buyers.
func idleEdges(t *testing.T, edges int, watched time.Duration, beat bool) map[string]float64 {
	t.Helper()
	redis := startRedis(t)
	addr := redis.addr
	if !beat {
		redis.do(t, "ACL", "SETUSER", "seller", "on", ">p", "~*_hash_key", "~{*_hash_key}:*", "~spike:s*", "~spike:token_key",
			"~spike:willing", "&*", "+@all")
		addr = "redis://seller:p@" + addr
	}
	for range edges {
		startEdge(t, "--redis", addr)
	}
	began, cpu, before := time.Now(), redis.cpu(t), redis.commands(t)
	time.Sleep(watched)
	took, after := time.Since(began).Seconds(), redis.commands(t)
	cpu = redis.cpu(t) - cpu
	t.Logf("%d edges, beats: %v. Redis used %.3f %% of a CPU", edges, beat, 100*cpu/took)
	each := map[string]float64{}
	for name := range after {
		if n := float64(after[name]-before[name]) / took; n > 0 {
			each[name] = n
			t.Logf("%-16s %5.2f a second", name, n)
		}
	}
	return each
}

// cpu is how many seconds of a CPU Redis has used.
func (r redisServer) cpu(t testing.TB) (seconds float64) {
	t.Helper()
	info, err := r.do(t, "INFO", "cpu").ToString()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`used_cpu_(?:user|sys):([0-9.]+)`).FindAllStringSubmatch(info, -1) {
		n, _ := strconv.ParseFloat(m[1], 64)
		seconds += n
	}
	return seconds
}

// commands is how often Redis has executed each command. The test's own client only asks for INFO.
func (r redisServer) commands(t testing.TB) map[string]int {
	t.Helper()
	info, err := r.do(t, "INFO", "commandstats").ToString()
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]int{}
	for _, m := range regexp.MustCompile(`cmdstat_([^:]+):calls=(\d+)`).FindAllStringSubmatch(info, -1) {
		calls[m[1]], _ = strconv.Atoi(m[2])
	}
	return calls
}

// An edge whose Redis refuses beats says so once, is ready, and sells.
func TestEdgeWithoutBeats(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	redis.do(t, "ACL", "SETUSER", "seller", "on", ">p", "~*_hash_key", "~{*_hash_key}:*", "~spike:sales",
		"~spike:removed", "~spike:store", "~spike:token_key", "~spike:willing", "&*", "+@all")
	redis.hmset(t, "ticket", "5")
	edge := startEdge(t, "--redis", "redis://seller:p@"+redis.addr)
	rigtest.Crowd(t, 20, 2, edge.buyURL("ticket"))
	eventually(t, patience, "the edge says that it does not beat", func() bool {
		return strings.Contains(edge.Output(), "no beats")
	})
	eventually(t, settled, "all is sold", func() bool { return redis.sold(t, "ticket") == "5" })
	edge.stop(t)
	if n := strings.Count(edge.Output(), "no beats"); n != 1 {
		t.Errorf("said %d times", n)
	}
}
