//go:build chaos

package chaos

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// forgiven is how long a Sentinel would still promote a silent replica.
const forgiven = 10 * notice

// P4: of five Sentinels two hang. A replica dies. When the others would not promote it any more, edges ask them whether it
// may be forgotten. While they ask, the other replica is cut off. They had not asked about that replica, so it is waited for.
// When it is promoted, it lacks nothing.
func TestP4NoReplicaIsForgottenUnasked(t *testing.T) {
	try(t, ofWorse, func(s *shop) {
		s.mark = s.between(0.08, 0.50)
		redis := NewWatched(s.t, s.dir, 5)
		primary, lives, dies := redis.Nodes[0], redis.Nodes[1], redis.Nodes[2]
		from := s.severInAVote(redis, primary, dies)
		s.evidence(primary.info("connected_slaves") == "0", "a replica is still there")
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end) && s.wins(from, Forever) < 100; {
			time.Sleep(50 * time.Millisecond)
		}
		if n := s.wins(from+slack, Forever); n > 0 {
			s.t.Errorf("%d units were won while no replica had them", n)
		}
		s.killAll(primary)
		redis.Promoted(primary)
		for _, hung := range redis.Sentinels[1:3] {
			hung.Resume()
		}
		// A Sentinel that has not heard of it would promote the next replica.
		within(s.t, promoteWait, "all Sentinels have heard of it", func() bool { return redis.agree(lives) })
		primary.Start()
		dies.Start()
		s.restartElsewhere()
		s.finish(s.healing())
	})
}

// severInAVote makes a replica die, and cuts off the other when an edge asks the Sentinels about the first. It returns the
// moment.
func (s *shop) severInAVote(redis *Replicated, primary, dies *Node) time.Duration {
	s.t.Helper()
	late, severed := make(chan struct{}), make(chan struct{})
	sever := sync.OnceFunc(func() {
		primary.Sever()
		close(severed)
	})
	asked := redis.Sentinels[0]
	tap := NewTap(s.t, asked.Addr, "MYID", func() {
		select {
		case <-late:
			sever()
		default:
		}
	})
	s.open(redis.URL(), redis.URLBy(tap.Addr))
	s.strike(dies.End)
	s.silentFor(time.Second)
	for _, hung := range redis.Sentinels[1:3] {
		hung.Pause()
	}
	within(s.t, patient, "the dead replica has been missed for long enough", func() bool { return asked.misses(dies) > forgiven })
	close(late)
	select {
	case <-severed:
	case <-time.After(2 * patient):
		s.t.Fatal("no edge asks the Sentinels")
	}
	return s.crowd.History.Now()
}

// misses is for how long a Sentinel has not heard of a replica.
func (n *Node) misses(replica *Node) time.Duration {
	for _, said := range n.each("SENTINEL", "REPLICAS", masterName) {
		_, down, found := strings.Cut(said, "s-down-time ")
		if found && strings.Contains(said+" ", " port "+port(replica.Addr)+" ") {
			down, _, _ = strings.Cut(down, " ")
			ms, _ := strconv.Atoi(down)
			return time.Duration(ms) * time.Millisecond
		}
	}
	return 0
}
