//go:build e2e

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"spike/bench/rig/rigtest"
)

// movingAddress is an address that leads to one server, and later to another. Its open connections stay where they are.
type movingAddress struct {
	addr string
	to   atomic.Pointer[string]
}

func newMovingAddress(t testing.TB, to string) *movingAddress {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &movingAddress{addr: l.Addr().String()}
	s.to.Store(&to)
	ctx, end := context.WithCancel(context.Background())
	var leading sync.WaitGroup
	t.Cleanup(func() { end(); _ = l.Close(); leading.Wait() })
	leading.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			leading.Go(func() { s.lead(ctx, c) })
		}
	})
	return s
}

// lead carries bytes both ways until one side ends.
func (s *movingAddress) lead(ctx context.Context, c net.Conn) {
	defer func() { _ = c.Close() }()
	d, err := net.Dial("tcp", *s.to.Load())
	if err != nil {
		return
	}
	defer func() { _ = d.Close() }()
	over, end := context.WithCancel(ctx)
	go func() { _, _ = io.Copy(d, c); end() }()
	go func() { _, _ = io.Copy(c, d); end() }()
	<-over.Done()
}

// Row D4: the service's address moves to the promoted replica, and the old primary lives on as its replica. Edge, order
// worker and gate follow the address: they sell, store and flag again.
func TestD4AddressMovesWhileTheOldPrimaryLives(t *testing.T) {
	t.Parallel()
	old, fresh := startRedis(t), redisAt(t, rigtest.StartRedis(t).Addr)
	_, port, _ := net.SplitHostPort(old.addr)
	fresh.do(t, "REPLICAOF", "127.0.0.1", port)
	eventually(t, patience, "the replica follows", func() bool {
		info, _ := fresh.do(t, "INFO", "replication").ToString()
		return strings.Contains(info, "master_link_status:up")
	})
	redis := newMovingAddress(t, old.addr)
	mustSpike(t, "sale", "create", "ticket", "--total", "100000", "--redis", old.addr)
	mustSpike(t, "sale", "create", "last", "--total", "1", "--redis", old.addr)
	edge := startEdge(t, "--redis", redis.addr)
	file := filepath.Join(t.TempDir(), "orders.db")
	orders := startOrders(t, "--redis", redis.addr, "--db", "sqlite:"+file)
	s := &gateStage{redis: redisServer{addr: redis.addr}, topology: filepath.Join(t.TempDir(), "t.yaml"),
		flags: filepath.Join(t.TempDir(), "flags")}
	write(t, s.topology, fmt.Sprintf("listen: 127.0.0.1:1\ngate_dir: %s\nedges:\n  - {addr: %s, weight: 1}\n", s.flags, edge.addr))
	s.startGate(t)
	rigtest.Crowd(t, 500, 8, edge.buyURL("ticket"))
	stored := func() bool {
		m := orders.metrics(t)
		return m.Has("spike_orders_unread", "sale", "ticket") && m.Sum("spike_orders_unread", "sale", "ticket") == 0 &&
			m.Has("spike_orders_unacked", "sale", "ticket") && m.Sum("spike_orders_unacked", "sale", "ticket") == 0
	}
	eventually(t, patience, "its orders are stored", stored)

	fresh.do(t, "REPLICAOF", "NO", "ONE")
	_, port, _ = net.SplitHostPort(fresh.addr)
	old.do(t, "REPLICAOF", "127.0.0.1", port)
	redis.to.Store(&fresh.addr)

	won := 0
	eventually(t, patience, "it sells", func() bool {
		w, _ := rigtest.CrowdAnyway(t, 2_000, 8, edge.buyURL("ticket"))
		won += w.Count(rigtest.Won)
		a, err := fresh.Audit(context.Background(), "ticket")
		return err == nil && a.Pending > 1_000
	})
	eventually(t, patience, "its orders are stored", func() bool {
		r, err := http.Get("http://" + orders.admin + "/readyz")
		if err != nil {
			return false
		}
		_ = r.Body.Close()
		return r.StatusCode == http.StatusOK && stored()
	})
	eventually(t, patience, "the last one is sold", func() bool {
		return edge.buy(t, "last").Word() == rigtest.Won
	})
	eventually(t, patience, "the gate has flagged it", func() bool { return s.flagged("last", "none-now") })
	edge.stop(t)
	if a := (redisServer{addr: fresh.addr}).audit(t, "ticket"); a.Leased != 0 || a.Pending < uint64(won) {
		t.Errorf("%+v", a)
	}
}
