//go:build chaos

package chaos

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"spike/bench/rig"
	"spike/bench/rig/rigtest"
)

// Node is a redis-server or a Sentinel. A run may end it, stop it, and start it again at the same address with its files.
type Node struct {
	*rig.Redis
	t testing.TB
}

// durable makes a redis-server write every command to disk before it answers.
var durable = []string{"--appendonly", "yes", "--appendfsync", "always"}

// NewNode starts a redis-server, with a directory of its own below dir.
func NewNode(t testing.TB, dir, name string, args ...string) *Node {
	t.Helper()
	return newNode(t, rig.RedisOptions{Name: name, Dir: dir, Args: args})
}

func newNode(t testing.TB, o rig.RedisOptions) *Node {
	t.Helper()
	o.Login.ConnWriteTimeout = healthy
	return &Node{rigtest.StartRedisBy(t, o), t}
}

// healthy is how long a healthy server may take to answer on a busy machine.
const healthy = 10 * time.Second

// Start starts the server again after its end, and waits until it is ready.
func (n *Node) Start() {
	n.t.Helper()
	if err := n.Process.Start(context.Background()); err != nil {
		n.t.Fatal(err)
	}
}

// Try sends one command over a connection of its own, and returns the answer as text.
func (n *Node) Try(words ...string) (string, error) {
	const wait = 2 * time.Second
	m, err := n.ask(wait, words)
	if err != nil {
		return "", err
	}
	return text(m), nil
}

// each does the same for a list, and returns the text of each part.
func (n *Node) each(words ...string) (all []string) {
	m, _ := n.ask(healthy, words)
	parts, _ := m.ToArray()
	for _, part := range parts {
		all = append(all, text(part))
	}
	return all
}

// Do sends one command, which must succeed.
func (n *Node) Do(words ...string) string {
	n.t.Helper()
	m, err := n.ask(healthy, words)
	if err != nil {
		n.t.Fatal(err)
	}
	return text(m)
}

func (n *Node) ask(wait time.Duration, words []string) (rueidis.RedisMessage, error) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	return n.Ask(ctx, words...)
}

// text returns an answer as words with spaces between them.
func text(m rueidis.RedisMessage) string {
	if fields, err := m.AsStrMap(); err == nil && m.IsMap() {
		var all []string
		for name, value := range fields {
			all = append(all, name+" "+value)
		}
		slices.Sort(all)
		return strings.Join(all, " ")
	}
	parts, err := m.ToArray()
	if err != nil {
		s, _ := m.ToString()
		if n, err := m.AsInt64(); err == nil && s == "" {
			return fmt.Sprint(n)
		}
		return s
	}
	var all []string
	for _, part := range parts {
		all = append(all, text(part))
	}
	return strings.Join(all, " ")
}

// info is a field of INFO replication.
func (n *Node) info(field string) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	fields, _ := n.Info(ctx, "replication")
	return fields[field]
}

func (n *Node) role() string { return n.info("role") }

// follows says whether a replica has its primary's data.
func (n *Node) follows() bool { return n.info("master_link_status") == "up" }

// leads says whether the server is a primary, and so many replicas have all of its data.
func (n *Node) leads(replicas int) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return n.role() == "master" && n.Followed(replicas)(ctx) == nil
}

func port(addr string) string {
	_, p, _ := net.SplitHostPort(addr)
	return p
}

// within waits until something is so.
func within(t testing.TB, limit time.Duration, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}
