//go:build chaos

package chaos

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"spike/bench/rig"
	"spike/bench/rig/rigtest"
)

// The logins of a replicated Redis. Each kind of peer has its own, so that each can be shut out alone.
const (
	edgeUser   = "edge"
	peerUser   = "peer" // Sentinels
	copyUser   = "copy" // replicas
	password   = "chaos"
	masterName = "spike"
	notice     = time.Second // a Sentinel calls a silent primary down after this
	failOver   = 3 * time.Second
	// Redis reads its append-only file as the default user, who may be off, and passes over every script's writes that this user
	// may not make (redis/redis#14541).
	logins = "--user default off ~* &* +@all --user " + edgeUser + " on >" + password + " ~* &* +@all" +
		" --user " + peerUser + " on >" + password + " ~* &* +@all --user " + copyUser + " on >" + password + " ~* &* +@all" +
		" --masteruser " + copyUser + " --masterauth " + password
	promoteWait = 2 * time.Minute // a busy machine starves Sentinels
)

// Replicated is a primary with two replicas, watched by some Sentinels.
type Replicated struct {
	t         testing.TB
	Nodes     []*Node
	Sentinels []*Node
}

// NewReplicated starts one below dir, with three Sentinels.
func NewReplicated(t testing.TB, dir string) *Replicated {
	t.Helper()
	return NewWatched(t, dir, 3)
}

// NewWatched starts one below dir, with so many Sentinels.
func NewWatched(t testing.TB, dir string, sentinels int) *Replicated {
	t.Helper()
	r := &Replicated{t: t}
	var primary *rig.Redis
	for i := range 3 {
		n := newNode(t, rig.RedisOptions{Name: fmt.Sprintf("redis%d", i+1), Dir: dir, Of: primary, Login: login,
			Args: append(strings.Fields(logins), durable...)})
		r.Nodes, primary = append(r.Nodes, n), cmp.Or(primary, n.Redis)
	}
	within(t, 20*time.Second, "both replicas have all", func() bool { return r.Nodes[0].leads(2) })
	for i := range sentinels {
		r.Sentinels = append(r.Sentinels, newSentinel(t, dir, fmt.Sprintf("sentinel%d", i+1), primary))
	}
	within(t, 20*time.Second, "the Sentinels know each other", r.watched)
	return r
}

var login = rueidis.ClientOption{Username: edgeUser, Password: password}

// newSentinel starts a Sentinel, which keeps its knowledge in its configuration file. Two of them must agree that a primary is
// down.
func newSentinel(t testing.TB, dir, name string, primary *rig.Redis) *Node {
	t.Helper()
	s, err := rig.NewRedis(rig.RedisOptions{Name: name, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{"bind 127.0.0.1", "port " + port(s.Addr), "dir " + s.Dir,
		"sentinel monitor NAME 127.0.0.1 " + port(primary.Addr) + " 2",
		"sentinel auth-user NAME " + peerUser, "sentinel auth-pass NAME " + password,
		fmt.Sprintf("sentinel down-after-milliseconds NAME %d", notice.Milliseconds()),
		fmt.Sprintf("sentinel failover-timeout NAME %d", failOver.Milliseconds()), ""}
	file := filepath.Join(s.Dir, "sentinel.conf")
	s.Args = []string{file, "--sentinel"}
	text := strings.ReplaceAll(strings.Join(lines, "\n"), " NAME ", " "+masterName+" ")
	if err = errors.Join(os.Mkdir(s.Dir, 0o755), os.WriteFile(file, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	rigtest.Start(t, s.Process)
	return &Node{s, t}
}

func TestSentinelPromotes(t *testing.T) {
	t.Parallel()
	r := NewReplicated(t, t.TempDir())
	old := r.Primary()
	if old != r.Nodes[0] {
		t.Fatal("another is the primary")
	}
	old.End()
	if now := r.Promoted(old); !slices.Contains(r.Nodes[1:], now) {
		t.Error("no replica is the primary")
	}
}

// URL is the address for edges.
func (r *Replicated) URL() string { return r.URLBy(r.Sentinels[0].Addr) }

// URLBy is the same, with another address of the first Sentinel.
func (r *Replicated) URLBy(first string) string {
	addrs := []string{first}
	for _, s := range r.Sentinels[1:] {
		addrs = append(addrs, s.Addr)
	}
	return fmt.Sprintf("redis+sentinel://%s:%s@%s/%s", edgeUser, password, strings.Join(addrs, ","), masterName)
}

// Primary is the primary that the Sentinels name: the first that answers.
func (r *Replicated) Primary() *Node {
	for _, s := range r.Sentinels {
		if n := r.primaryOf(s); n != nil {
			return n
		}
	}
	return nil
}

// primaryOf is the primary that one Sentinel names; nil: it does not answer.
func (r *Replicated) primaryOf(s *Node) *Node {
	said, _ := s.Try("SENTINEL", "get-master-addr-by-name", masterName)
	for _, n := range r.Nodes {
		if said == "127.0.0.1 "+port(n.Addr) {
			return n
		}
	}
	return nil
}

// agree says whether every Sentinel names this primary.
func (r *Replicated) agree(on *Node) bool {
	return !slices.ContainsFunc(r.Sentinels, func(s *Node) bool { return r.primaryOf(s) != on })
}

// Promoted waits until another node than old is the primary and says so itself.
func (r *Replicated) Promoted(old *Node) *Node {
	r.t.Helper()
	within(r.t, promoteWait, "another primary", func() bool {
		now := r.Primary()
		return now != nil && now != old && now.role() == "master"
	})
	return r.Primary()
}

// watched says whether each Sentinel knows the others and both replicas.
func (r *Replicated) watched() bool {
	for _, s := range r.Sentinels {
		said, _ := s.Try("INFO", "sentinel")
		if !strings.Contains(said, "status=ok,") || !strings.Contains(said, fmt.Sprintf("slaves=2,sentinels=%d", len(r.Sentinels))) {
			return false
		}
	}
	return true
}

// Isolate shuts replicas and Sentinels out of a node, and not the edges.
func (n *Node) Isolate() {
	n.Do("ACL", "SETUSER", peerUser, "off")
	n.Do("CLIENT", "KILL", "USER", peerUser)
	n.Sever()
}

// Sever shuts replicas out of a node, and nobody else.
func (n *Node) Sever() {
	n.Do("ACL", "SETUSER", copyUser, "off")
	n.Do("CLIENT", "KILL", "TYPE", "replica")
}

// Rejoin lets everybody in again.
func (n *Node) Rejoin() {
	n.Do("ACL", "SETUSER", peerUser, "on")
	n.Do("ACL", "SETUSER", copyUser, "on")
}
