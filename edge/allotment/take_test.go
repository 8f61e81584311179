package allotment

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"spike/luascripts"
	"spike/shard"
)

// Publishing grants beside takers leaves no serial in doubt: none of their leases ever lapsed.
func TestGrantsCauseNoDoubt(t *testing.T) {
	var now atomic.Int64
	now.Store(int64(time.Hour))
	clock := func() Instant { n := now.Load(); return Instant{n, n} }
	a := newAllotment(shard.New(0), NewRing(1<<16), clock, int64(time.Second))
	k := newKeeper(Config{}, a)
	var stop atomic.Bool
	var doubts, wins atomic.Int64
	var crowd sync.WaitGroup
	for range 4 {
		crowd.Go(func() {
			for !stop.Load() {
				switch _, o := a.Take(1, luascripts.Buyer{}); o {
				case Again:
					doubts.Add(1)
				case Won:
					wins.Add(1)
				}
			}
		})
	}
	fence, next := uint64(0), uint32(1)
	var last *Lease
	for end := time.Now().Add(700 * time.Millisecond); time.Now().Before(end); {
		fence++
		l := &Lease{fence: fence}
		l.term.Store(&Term{sellMono: 1 << 62, sellWall: 1 << 62})
		grant := luascripts.Ranges{{Start: next, End: next + 200}}
		next += 200
		k.now = clock()
		k.publish(a.table.Load().with(l, grant))
		a.stock.Fill(grant...)
		for a.stock.Len() > 0 {
			a.ring.collect(1<<16, func(record) {})
			a.ring.free()
		}
		if last != nil { // long settled
			k.publish(a.table.Load().without(last))
		}
		last = l
	}
	stop.Store(true)
	crowd.Wait()
	t.Logf("%d wins, %d grants, %d in doubt", wins.Load(), fence, doubts.Load())
	if doubts.Load() > 0 {
		t.Errorf("%d serials in doubt", doubts.Load())
	}
}
