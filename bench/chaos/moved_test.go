//go:build chaos

package chaos

import (
	"fmt"
	"testing"
	"time"

	"spike/bench"
	"spike/bench/rig"
	"spike/bench/rig/rigtest"
)

const saleKey = sale + "_hash_key"

// P11: in a Cluster, with replicas or without, the sale's slot is moved to another primary in full sale. Nothing is lost. As
// soon as the slot has moved, the sale goes on, long before a hold is over.
func TestP11AMovedSlotLosesNothing(t *testing.T) {
	try(t, ofWorse, func(s *shop) {
		s.mark, s.hold = s.between(0.08, 0.30), 2*time.Minute
		replicas := 0 // without replicas to wait for, a move looks more like a loss
		if long() {
			replicas = int(s.seed % 2)
		}
		redis := NewCluster(s.t, s.dir, replicas)
		s.open(redis.URL(), redis.URL())
		from := redis.Primary(saleKey)
		to := redis.another(from)
		s.strike(func() { redis.move(from, to) })
		within(s.t, patient, "the slot is there", func() bool { return redis.Primary(saleKey) == to })
		s.sells(30, s.hold/2) // much more than edges have on lease
		s.crowd.End()
		s.judge()
	})
}

// another returns a primary that is not this one.
func (c *Cluster) another(than *Node) *Node {
	for _, n := range c.Nodes {
		if n != than && n.role() == "master" {
			return n
		}
	}
	return nil
}

// move moves the sale's slot from one primary to another, key by key, as redis-cli does.
func (c *Cluster) move(from, to *Node) {
	c.t.Helper()
	slot := from.Do("CLUSTER", "KEYSLOT", saleKey)
	to.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", from.Do("CLUSTER", "MYID"))
	from.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", to.Do("CLUSTER", "MYID"))
	for end := time.Now().Add(patient); ; {
		keys := from.each("CLUSTER", "GETKEYSINSLOT", slot, "10")
		if len(keys) == 0 {
			break
		}
		if time.Now().After(end) {
			c.t.Fatalf("not moved: %v", keys)
		}
		from.Do(append([]string{"MIGRATE", "127.0.0.1", port(to.Addr), "", "0", "5000", "KEYS"}, keys...)...)
	}
	for _, n := range []*Node{to, from} {
		n.Do("CLUSTER", "SETSLOT", slot, "NODE", to.Do("CLUSTER", "MYID"))
	}
}

// P13: a reader follows a lone Redis by redis-cli --replica, as a copying tool does. Redis calls it an online replica. It can
// never be promoted, so nobody waits for it after it has gone.
func TestP13AReaderIsNoReplica(t *testing.T) {
	try(t, ofWorse, func(s *shop) {
		redis := NewNode(s.t, s.dir, "redis", durable...)
		s.open(redis.Addr, redis.Addr)
		s.strike(func() {
			path, err := bench.Tool("redis-cli")
			if err != nil {
				s.t.Fatal(err)
			}
			reader := &rig.Process{Spec: rig.Spec{Name: "reader", Path: path, Dir: s.dir,
				Args: []string{"-p", port(redis.Addr), "--replica"}}}
			rigtest.Launch(s.t, reader)
			within(s.t, patient, "Redis calls it a replica", func() bool { return redis.leads(1) })
			s.pause(time.Second, 3*time.Second)
			reader.End()
		})
		s.finish(s.healing())
	})
}

// The operator gives a primary's place to its replica (FAILOVER), and moves the address that edges know. Nothing is lost: the
// sale goes on long before a hold is over.
// It proves G27.
func TestFailoverCommand(t *testing.T) {
	try(t, ofWorse, func(s *shop) {
		s.mark, s.hold = s.between(0.08, 0.30), 2*time.Minute
		old := NewNode(s.t, s.dir, "redis1", durable...)
		next := newNode(s.t, rig.RedisOptions{Name: "redis2", Dir: s.dir, Of: old.Redis, Args: durable})
		within(s.t, promoteWait, "the replica has all", next.follows)
		wire := NewWire(s.t, old.Addr)
		s.open(old.Addr, wire.Addr)
		s.strike(func() { _, _ = old.Try("FAILOVER") })
		within(s.t, promoteWait, "the other is primary", func() bool { return next.role() == "master" && old.role() == "slave" })
		s.pause(0, time.Second)
		wire.Lead(next.Addr)
		s.sells(30, s.hold/2) // much more than edges have on lease
		within(s.t, promoteWait, "the old primary follows", old.follows)
		s.crowd.End()
		s.judge()
	})
}

// An operator holds up clients' writes, or all their commands, for some seconds in full sale (CLIENT PAUSE).
// It proves G27.
func TestClientPause(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"WRITE", "ALL"} {
		t.Run(what, func(t *testing.T) {
			try(t, ofWorse, func(s *shop) {
				redis := s.lone()
				s.open(redis.Addr, redis.Addr)
				forMS := s.span(2500*time.Millisecond, Lease+2*time.Second).Milliseconds()
				s.strike(func() { redis.Do("CLIENT", "PAUSE", fmt.Sprint(forMS), what) })
				_, err := redis.Try("SET", "held", "up")
				s.evidence(err != nil, "nothing was held up")
				s.finish(s.healing())
			})
		})
	}
}
