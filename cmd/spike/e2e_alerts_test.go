//go:build e2e

package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// alertsStage is a whole spike under Prometheus: Redis, two edges, nginx with its gate, an order worker; and beside it an edge
// on a Redis with a replica.
type alertsStage struct {
	*gateStage
	monitor
	orders  *testServer
	db      *rigtest.Postgres
	guarded *testServer // on the Redis with a replica
	replica redisServer
}

func newAlertsStage(t *testing.T) *alertsStage {
	s := &alertsStage{gateStage: newGateStage(t, "en"), db: rigtest.StartPostgres(t)}
	shop := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) // takes each webhook
	t.Cleanup(shop.Close)
	secret := filepath.Join(t.TempDir(), "webhook")
	write(t, secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
	s.orders = startOrders(t, "--redis", s.redis.addr, "--db", s.db.URL("postgres"),
		"--webhook", shop.URL, "--webhook-secret-file", secret)
	primary := rigtest.StartRedis(t, "--repl-diskless-sync-delay", "0").Addr
	host, port, _ := net.SplitHostPort(primary)
	s.replica = redisAt(t, rigtest.StartRedis(t, "--replicaof", host+" "+port).Addr)
	redisAt(t, primary).hmset(t, "guarded", "1000")
	eventually(t, patience, "the replica follows", func() bool {
		info, err := s.replica.do(t, "INFO", "replication").ToString()
		return err == nil && strings.Contains(info, "master_link_status:up")
	})
	s.guarded = startEdge(t, "--redis", primary)
	s.monitor = startPrometheus(t, map[string][]string{
		"spike":        {s.edges[0].admin, s.edges[1].admin, s.guarded.admin},
		"spike-gate":   {s.gate.admin},
		"spike-orders": {s.orders.admin},
	})
	return s
}

// sells lets each edge sell, sale "ticket" sell out, and sale "big" be on.
func (s *alertsStage) sells(t *testing.T) {
	soon := time.Now().Add(time.Hour)
	for name, q := range map[string]ledger.CreateRequest{"ticket": {Total: 20}, "big": {Total: 100_000, Hold: time.Hour},
		"later": {Total: 5, Opens: soon, Closes: soon.Add(time.Hour)}} {
		if _, err := s.redis.Create(t.Context(), name, q); err != nil {
			t.Fatal(err)
		}
	}
	s.sellOut(t, 20)
	for _, e := range s.edges {
		rigtest.Crowd(t, 50, 4, e.buyURL("big"))
		get(t, "GET", e.buyURL("later"))
	}
	v1 := "http://" + s.edges[0].addr + "/v1/"
	if a := rigtest.Ask(t, "POST", v1+"sales/big/reservations"); a.Word() != rigtest.Won {
		t.Error(a)
	} else if a = rigtest.Ask(t, "POST", v1+"reservations/"+rigtest.Bought(a).Token+"/cancel"); a.Word() != rigtest.Cancelled {
		t.Error(a)
	}
	eventually(t, patience, "the guarded edge sells", func() bool {
		return s.guarded.buy(t, "guarded").Word() == rigtest.Won
	})
}

// Alerts fire when real parts fail, and are silent before. Each metric that rules, dashboard and pages name is there.
func TestAlertsFire(t *testing.T) {
	t.Parallel()
	s := newAlertsStage(t)
	s.sells(t)
	eventually(t, patience, "all is scraped and well", func() bool {
		names := s.names(t)
		return names["spike_buys_total"] && names["spike_gate_flags"] && names["spike_nginx_requests_total"] &&
			names["spike_orders_lag_seconds"] && len(s.firing(t)) == 0
	})
	s.databaseStops(t)
	s.replicaLeaves(t)
	s.fires(t, "SpikeOrdersBehind big", func() {})
	s.redisHangs(t)
	s.redisIsReplaced(t)
	if err := syscall.Kill(s.edges[1].PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.fires(t, "SpikeEdgeDown "+s.edges[1].admin, func() {})
	s.namesExist(t)
	s.dashboardAsks(t)
	for _, admin := range []string{s.edges[0].admin, s.gate.admin, s.orders.admin} {
		checkMetrics(t, admin)
	}
}

// databaseStops stops PostgreSQL, and sells on: orders fall behind.
func (s *alertsStage) databaseStops(t *testing.T) {
	s.db.End()
	rigtest.Crowd(t, 50, 4, s.edges[0].buyURL("big"))
}

// replicaLeaves kills the replica: what it must have is granted no more.
func (s *alertsStage) replicaLeaves(t *testing.T) {
	if err := syscall.Kill(s.replica.pid(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.fires(t, "SpikeReplicasMissing "+s.guarded.admin, func() { tryBuy(s.guarded, "guarded") })
}

// redisHangs: edges sell what they hold, and cannot settle it; then buyers hear 503; and the gate hears no news.
func (s *alertsStage) redisHangs(t *testing.T) {
	hung := s.redis.pid(t)
	eventually(t, patience, "the edge holds units", func() bool {
		rigtest.Crowd(t, 100, 4, s.edges[0].buyURL("big"))
		return s.edges[0].metrics(t).Sum("spike_edge_stock", "sale", "big") >= 10
	})
	if err := syscall.Kill(hung, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	buy := func() { tryBuy(s.edges[0], "big") }
	s.fires(t, "SpikeClaimsUnsettled big"+s.edges[0].admin, buy)
	s.fires(t, "SpikeUndecided big", buy)
	s.fires(t, "SpikeEdgeNotReady "+s.edges[0].admin, buy)
	if err := syscall.Kill(hung, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.fires(t, "SpikeGateDeaf "+s.gate.admin, func() {})
}

// redisIsReplaced by an empty one, where operators make the sale anew: what was not settled is lost. Then that Redis is killed,
// too, and comes back on its file: nothing is granted until edges have said what they know.
func (s *alertsStage) redisIsReplaced(t *testing.T) {
	file := []string{"--appendonly", "yes", "--dir", t.TempDir()}
	rigtest.StartRedisAt(t, s.redis.addr, file...)
	fresh := redisAt(t, s.redis.addr)
	fresh.hmset(t, "big", "100000")
	buy := func() { tryBuy(s.edges[0], "big") }
	s.fires(t, "SpikeClaimsLost "+s.edges[0].admin, buy)
	eventually(t, patience, "the new sale sells", func() bool { buy(); return fresh.sold(t, "big") != "0" })
	if err := syscall.Kill(fresh.pid(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	rigtest.StartRedisAt(t, s.redis.addr, file...)
	s.fires(t, "SpikeRecovering big", buy)
}

// tryBuy sends a buy, and takes any answer or none.
func tryBuy(e *testServer, sale string) {
	client := http.Client{Timeout: 5 * time.Second}
	if r, err := client.Get(e.buyURL(sale)); err == nil {
		_ = r.Body.Close()
	}
}

// namesExist wants each metric that operators are told of among those that were scraped.
func (s *alertsStage) namesExist(t *testing.T) {
	scraped := s.names(t)
	_, metrics, _ := strings.Cut(textOf(t, "../../docs/operating.md"), "\n## Metrics\n")
	metrics, _, _ = strings.Cut(metrics, "\n## ")
	for where, text := range map[string]string{"the rules": textOf(t, rulesFile), "the dashboard": textOf(t, dashboardFile),
		"docs/alerts.md": textOf(t, "../../docs/alerts.md"), "docs/operating.md": metrics} {
		named := metricsIn(text)
		if len(named) < 10 {
			t.Errorf("%s: only %v", where, named)
		}
		for _, name := range named {
			if !scraped[name] && !scraped[name+"_count"] {
				t.Errorf("%s: nobody has %s", where, name)
			}
		}
	}
}
