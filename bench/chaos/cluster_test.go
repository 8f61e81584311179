//go:build chaos

package chaos

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"spike/bench/rig"
	"spike/bench/rig/rigtest"
)

// Cluster is a Redis Cluster of three primaries with some replicas each.
type Cluster struct {
	t        testing.TB
	replicas int // of each primary
	Nodes    []*Node
}

// NewCluster starts a Cluster below dir, with so many replicas for each primary.
func NewCluster(t testing.TB, dir string, replicas int) *Cluster {
	t.Helper()
	c := &Cluster{t: t, replicas: replicas}
	line := []string{"--cluster", "create"}
	for i := range 3 * (1 + replicas) {
		n := NewNode(t, dir, fmt.Sprintf("node%d", i+1), append(rigtest.ClusterArgs(t, notice), durable...)...)
		c.Nodes, line = append(c.Nodes, n), append(line, n.Addr)
	}
	line = append(line, "--cluster-replicas", strconv.Itoa(replicas), "--cluster-yes")
	if _, err := rig.Run(context.Background(), "", "redis-cli", line...); err != nil {
		t.Fatal(err)
	}
	within(t, 30*time.Second, "the cluster is whole", c.whole)
	return c
}

// URL is the address for edges.
func (c *Cluster) URL() string {
	var addrs []string
	for _, n := range c.Nodes {
		addrs = append(addrs, n.Addr)
	}
	return strings.Join(addrs, ",")
}

// whole says whether every node sees all slots served, and every primary has its replicas.
func (c *Cluster) whole() bool {
	for _, n := range c.Nodes {
		said, _ := n.Try("CLUSTER", "INFO")
		if !strings.Contains(said, "cluster_state:ok") || n.role() == "master" && !n.leads(c.replicas) {
			return false
		}
	}
	return true
}

// Primary returns the node that serves a key, as a living node tells it.
func (c *Cluster) Primary(key string) *Node {
	for _, n := range c.Nodes {
		if n.role() != "master" {
			continue
		}
		_, err := n.Try("GET", key)
		if err == nil || !strings.Contains(err.Error(), "MOVED") && !strings.Contains(err.Error(), "CLUSTERDOWN") && n.Alive() {
			return n
		}
	}
	return nil
}

// Promoted waits until another node than old serves a key.
func (c *Cluster) Promoted(old *Node, key string) *Node {
	c.t.Helper()
	within(c.t, promoteWait, "another primary", func() bool {
		now := c.Primary(key)
		return now != nil && now != old
	})
	return c.Primary(key)
}
