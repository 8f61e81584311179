//go:build e2e

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"spike/bench/rig/rigtest"
)

// Row D18: servers are restarted or replaced in full sale. Nothing is lost, if the operator waits as the documentation says.

// rounds returns how many rounds a test of this file makes: SPIKE_E2E_ROUNDS, or one, or a few in the long run.
func rounds(t testing.TB) int {
	t.Helper()
	text := os.Getenv("SPIKE_E2E_ROUNDS")
	if text == "" && long() {
		return 4
	}
	if text == "" {
		return 1
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("SPIKE_E2E_ROUNDS=%s", text)
	}
	return n
}

// defaultDrain returns the default of --drain.
func defaultDrain(t testing.TB) string {
	t.Helper()
	c, _, err := parse([]string{"serve"})
	if err != nil {
		t.Fatal(err)
	}
	return c.Serve.Drain.String()
}

// rollingStage is edges behind nginx, and a crowd that buys as fast as it can.
type rollingStage struct {
	t       testing.TB
	redis   redisServer
	balance string
	dir     string
	addr    string // nginx'
	nginx   *rigtest.Nginx
	edges   []*testServer
	single  bool  // each buy has a connection of its own
	reloads int64 // of nginx

	answers atomic.Int64
	won     rigtest.Wins
	end     func() rigtest.CrowdResult
}

func newRollingStage(t testing.TB, edges int, balance string) *rollingStage {
	t.Helper()
	p := &rollingStage{t: t, redis: startRedis(t), balance: balance, dir: t.TempDir(), addr: rigtest.FreeAddr(t)}
	mustSpike(t, "sale", "create", "ticket", "--total", "4000000000", "--hold", "1h", "--redis", p.redis.addr)
	for range edges {
		p.edges = append(p.edges, p.edge(rigtest.FreeAddr(t), rigtest.FreeAddr(t)))
	}
	p.nginx = launchNginx(t, p.topology(), p.addr)
	t.Cleanup(func() {
		if text, err := os.ReadFile(filepath.Join(p.nginx.Dir, "error.log")); err == nil && t.Failed() {
			t.Logf("nginx:\n%.3000s", text)
		}
	})
	return p
}

func (p *rollingStage) edge(listen, admin string) *testServer {
	return runEdge(p.t, rigtest.Options{Addr: listen, Admin: admin, Redis: p.redis.addr,
		Args: []string{"--drain", defaultDrain(p.t)}})
}

// topology writes the topology of the present edges.
func (p *rollingStage) topology() string {
	text := fmt.Sprintf("listen: %s\nbalance: %s\nworkers: 2\nedges:\n", p.addr, p.balance)
	for _, e := range p.edges {
		text += fmt.Sprintf("  - {addr: %s, weight: 1}\n", e.addr)
	}
	file := filepath.Join(p.dir, "topology.yaml")
	write(p.t, file, text)
	return file
}

// crowdSize is how many buyers buy at once.
const crowdSize = 64

// buys lets the crowd buy, until stop.
func (p *rollingStage) buys() {
	p.t.Helper()
	o := rigtest.CrowdOptions{URLs: []string{"http://" + p.addr + "/buy/ticket"}, Connections: crowdSize, Timeout: 20 * time.Second,
		Heard: func(a rigtest.Answer) { p.answers.Add(1); p.won.Note(a) }}
	if p.single {
		o.Dress = func(_ int64, h *fasthttp.RequestHeader) { h.SetConnectionClose() }
	}
	_, p.end = rigtest.StartCrowd(p.t, o)
	p.busy()
}

// busy waits until the crowd has had many more answers.
func (p *rollingStage) busy() {
	p.t.Helper()
	n := p.answers.Load()
	eventually(p.t, patience, "it is in full load", func() bool { return p.answers.Load() > n+500 })
}

// lostNothing ends the crowd and the edges. It checks that an edge has answered every request with a unit. Each unit with an
// owner was told, or its answer was cut off by the crowd's end. An old nginx worker that ends closes connections that it
// kept: a request that was just sent over one gets no answer, but then no edge has had it.
func (p *rollingStage) lostNothing() {
	p.t.Helper()
	p.busy()
	r := p.end()
	for _, e := range p.edges {
		e.stop(p.t)
	}
	cut := uint64(r.ErrorKinds["cancelled"])
	delete(r.ErrorKinds, "cancelled")
	if closed := r.ErrorKinds["closed"]; !p.single && closed <= crowdSize*p.reloads {
		delete(r.ErrorKinds, "closed")
		p.t.Logf("%d kept connections were closed in %d reloads", closed, p.reloads)
	}
	a := p.redis.audit(p.t, "ticket")
	told := uint64(p.won.Count(rigtest.Won))
	p.t.Logf("%d answered, %v, %v, %d told, %d pending, %d cut off", r.Answered, r.Statuses, r.ErrorKinds, told, a.Pending, cut)
	if lost := r.Answered - int64(told); lost > 0 || len(r.ErrorKinds) > 0 || p.won.Wrong() != nil {
		p.t.Errorf("%d buys won nothing, %q: %v %v", lost, p.won.Wrong(), r.Statuses, r.ErrorKinds)
	}
	if a.Pending < told || a.Pending > told+cut || a.Leased+a.Limbo+a.Confirmed > 0 {
		p.t.Errorf("%d told, %d cut off: %+v", told, cut, a)
	}
}

// Four edges behind nginx are restarted in turn in full load, each as soon as the edge before it is ready.
func TestD18RollingRestart(t *testing.T) {
	for _, balance := range []string{"round-robin", "ip-hash"} {
		t.Run(balance, func(t *testing.T) {
			t.Parallel()
			p := newRollingStage(t, 4, balance)
			p.buys()
			for range rounds(t) {
				for i, e := range p.edges {
					e.stop(t)
					p.edges[i] = p.edge(e.addr, e.admin)
				}
			}
			p.lostNothing()
		})
	}
}

// reload gives the running nginx a new topology, and returns when its old workers are gone.
func (p *rollingStage) reload() {
	p.t.Helper()
	write(p.t, filepath.Join(p.nginx.Dir, "nginx.conf"), mustSpike(p.t, "nginx", "--topology", p.topology()))
	old := p.workers()
	p.reloads++
	if err := syscall.Kill(p.nginx.PID(), syscall.SIGHUP); err != nil {
		p.t.Fatal(err)
	}
	eventually(p.t, patience, "the old workers are gone", func() bool {
		for pid := range p.workers() {
			if old[pid] {
				return false
			}
		}
		return len(p.workers()) > 0
	})
}

// workers returns nginx' processes without the master.
func (p *rollingStage) workers() map[string]bool {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", p.nginx.PID()))
	all := map[string]bool{}
	for _, pid := range strings.Fields(string(text)) {
		all[pid] = true
	}
	return all
}

// A fifth edge joins and the first one leaves while the crowd buys. Each time nginx gets a new topology. The leaving edge is
// ended after nginx' old workers.
func TestD18NewTopology(t *testing.T) {
	for kind, single := range map[string]bool{"kept connections": false, "a connection a buy": true} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			p := newRollingStage(t, 4, "round-robin")
			p.single = single
			p.buys()
			for range rounds(t) {
				fresh := p.edge(rigtest.FreeAddr(t), rigtest.FreeAddr(t))
				p.edges = append(p.edges, fresh)
				p.reload()
				eventually(t, patience, "it has buyers", func() bool { return fresh.buys(t, "ticket") > 100 })
				leaves := p.edges[0]
				p.edges = p.edges[1:]
				p.reload()
				leaves.stop(t)
				p.busy()
			}
			p.lostNothing()
		})
	}
}

// Two order workers are restarted in turn while a crowd buys, each as soon as the other is ready. Every order is stored once,
// and no worker has events in hand at the end.
func TestD18OrderWorkersInTurn(t *testing.T) {
	t.Parallel()
	s := newOrdersStage(t)
	workers := []*testServer{startOrders(t, s.args...), startOrders(t, s.args...)}
	var sold rigtest.Wins
	done := make(chan rigtest.CrowdResult, 1)
	go func() {
		r, _ := rigtest.RunCrowd(t.Context(), rigtest.CrowdOptions{URLs: []string{s.edge.buyURL("ticket")},
			Connections: 8, Requests: int64(s.total), Rate: 400, Heard: sold.Hear})
		done <- r
	}()
	restarts := 0
	for selling := true; selling; restarts++ {
		i := restarts % len(workers)
		workers[i].stop(t)
		workers[i] = startOrders(t, s.args...)
		select {
		case r := <-done:
			if selling = false; r.Errors > 0 || sold.Count(rigtest.Won) != s.total {
				t.Errorf("%d of %d sold: %+v", sold.Count(rigtest.Won), s.total, r)
			}
		default:
		}
	}
	t.Logf("%d restarts", restarts)
	s.db.comesTo(t, s.redis, s.total)
	s.redis.audit(t, "ticket")
}

// The gate is restarted in front of a crowd, and units come while it is away. Buyers get them, at the latest when nginx looks
// again, and no buyer hears 503.
func TestD18GateRestarted(t *testing.T) {
	t.Parallel()
	const more = 5
	s := newGateStage(t, "zh")
	total := 20
	s.redis.hmset(t, "ticket", strconv.Itoa(total))
	w, stop := rigtest.StartCrowd(t, rigtest.CrowdOptions{URLs: []string{s.url + "/buy/ticket"}, Connections: 8, Rate: 1000})
	eventually(t, patience, "all are sold", func() bool { return w.Count(rigtest.Won) == total })
	for round := range 2 * rounds(t) {
		eventually(t, patience, "nginx answers", func() bool { return s.answersAlone(t, "ticket") })
		if round%2 == 0 { // while the gate is away, or just after it has begun
			s.gate.Signal(syscall.SIGTERM)
			mustSpike(t, "sale", "add", "ticket", strconv.Itoa(more), "--redis", s.redis.addr)
			if err := s.gate.Wait(); err != nil {
				t.Error(err)
			}
		} else {
			if err := s.gate.Stop(); err != nil {
				t.Error(err)
			}
			added := make(chan struct{})
			go func() {
				defer close(added)
				mustSpike(t, "sale", "add", "ticket", strconv.Itoa(more), "--redis", s.redis.addr)
			}()
			s.startGate(t)
			<-added
		}
		total += more
		eventually(t, noticed, fmt.Sprintf("round %d: what came is sold", round), func() bool { return w.Count(rigtest.Won) == total })
		if round%2 == 0 {
			s.startGate(t)
		}
	}
	r, none := stop(), w.Count(rigtest.SoldOut, rigtest.NoneNow)
	if r.Statuses[200] != r.Answered || w.Wrong() != nil || none == 0 || w.Count(rigtest.Won) != total {
		t.Errorf("%d of %d won, %d heard that there is none; %q, %v", w.Count(rigtest.Won), total, none, w.Wrong(), r.Statuses)
	}
	if a := s.redis.audit(t, "ticket"); a.Pending != uint64(total) {
		t.Errorf("%+v", a)
	}
}
