package rigtest

import (
	"context"
	"net"
	"strconv"
	"testing"
	"time"

	"spike/bench/rig"
)

// ClusterArgs are the arguments by which a Redis may be a node of a Cluster. Its bus has a free port of its own: the port that
// Redis takes by itself is 10,000 above the first, where another connection may have it.
func ClusterArgs(t testing.TB, timeout time.Duration) []string {
	t.Helper()
	_, port, err := net.SplitHostPort(FreeAddr(t))
	must(t, err)
	return []string{"--cluster-enabled", "yes", "--cluster-port", port,
		"--cluster-node-timeout", strconv.FormatInt(timeout.Milliseconds(), 10), "--cluster-allow-replica-migration", "no"}
}

// MakeCluster makes a Cluster of running nodes, with so many replicas for each primary.
func MakeCluster(t testing.TB, replicas int, nodes ...*Redis) {
	t.Helper()
	args := []string{"--cluster", "create"}
	for _, n := range nodes {
		args = append(args, n.Addr)
	}
	args = append(args, "--cluster-replicas", strconv.Itoa(replicas), "--cluster-yes")
	_, err := rig.Run(context.Background(), "", "redis-cli", args...)
	must(t, err)
}
