package sim

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Sentinels were asked before all was well, and answer after it: no replica may be lost then. Seed 42005247 was such a world.
func TestNoReplicaIsLostOnceAllIsWell(t *testing.T) {
	for seed := range uint64(20) { // half of the votes that vouch lose one
		w := bare(replicas)
		w.fates.votes, w.rng = true, rand.New(rand.NewPCG(seed, 1))
		gone, here := w.primary.followers[0], w.primary.followers[1]
		gone.lag(time.Hour)
		w.until(w.now+int64(2*pardon), nil)
		w.recount(w.primary)
		w.healed = true
		w.until(w.now+int64(askAfter+voteIn+time.Second), nil)
		if here.cut != 0 {
			t.Fatalf("Redis %d is lost though all is well", here.s.id)
		}
	}
}
