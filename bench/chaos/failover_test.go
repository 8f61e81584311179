//go:build chaos

package chaos

import (
	"testing"
	"time"
)

// alone is the shortest time without a primary.
const alone = notice * 9 / 10

// A primary under Sentinel dies, or lives on unseen: it is stopped and wakes up as an old primary, or it is cut off from its
// replicas and the Sentinels while edges still write to it. Each comes back as a replica.
// It proves G25.
func TestSentinelFailOver(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		harm, heal func(*Node)
		silent     time.Duration // for so long nobody reaches a primary
	}{
		{"killed", (*Node).End, (*Node).Start, alone},
		{"stopped", (*Node).Pause, (*Node).Resume, alone},
		{"cut off", (*Node).Isolate, (*Node).Rejoin, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			try(t, ofOthers, func(s *shop) {
				redis := NewReplicated(s.t, s.dir)
				s.open(redis.URL(), redis.URL())
				old := redis.Primary()
				s.strike(func() { c.harm(old) })
				s.silentFor(c.silent)
				redis.Promoted(old)
				s.pause(0, 2*time.Second)
				c.heal(old)
				s.finish(s.healing())
				within(s.t, promoteWait, "one primary has the others as replicas", func() bool {
					now := redis.Primary() // it may have changed once more
					return now != nil && now.leads(2)
				})
				s.recount()
			})
		})
	}
}

// The primary of the sale's slot dies. Its replica takes over, and it comes back as a replica.
// It proves G25.
func TestClusterNodeKilled(t *testing.T) {
	try(t, ofOthers, func(s *shop) {
		const key = sale + "_hash_key"
		redis := NewCluster(s.t, s.dir, 1)
		s.open(redis.URL(), redis.URL())
		old := redis.Primary(key)
		s.strike(old.End)
		s.silentFor(alone)
		redis.Promoted(old, key)
		s.pause(0, 2*time.Second)
		old.Start()
		s.finish(s.healing())
		within(s.t, promoteWait, "the cluster is whole", redis.whole)
		s.recount()
	})
}
