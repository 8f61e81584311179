package latency

import (
	"math/bits"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"

	"spike/shard"
)

// Buckets is how many buckets there are. The last one has no upper bound.
const Buckets = 48

// Counts is how many durations fell into each bucket, and their sum.
type Counts struct {
	N   [Buckets]uint64
	Sum time.Duration
}

// Add adds what others have counted.
func (c *Counts) Add(o Counts) {
	for b, n := range o.N {
		c.N[b] += n
	}
	c.Sum += o.Sum
}

// Lanes counts durations. Each CPU has one lane. Safe for concurrent use.
type Lanes []lane

type lane struct {
	n   [Buckets]atomic.Uint64
	sum atomic.Int64 // nanoseconds
	_   [128 - 8*(Buckets+1)%128]byte
}

// New has a lane for each CPU.
func New() Lanes { return make(Lanes, 1<<bits.Len(uint(runtime.GOMAXPROCS(0)-1))) }

// Add counts one duration.
func (l Lanes) Add(took time.Duration) {
	at := &l[shard.CPU()&(len(l)-1)]
	at.n[bucket(took)].Add(1)
	at.sum.Add(int64(max(took, 0)))
}

// Read is what was counted. Durations that are counted meanwhile may be missing.
func (l Lanes) Read() (c Counts) {
	for i := range l {
		for b := range c.N {
			c.N[b] += l[i].n[b].Load()
		}
		c.Sum += time.Duration(l[i].sum.Load())
	}
	return c
}

// bucket is the bucket of a duration: the first one whose bound is not below it.
func bucket(took time.Duration) int {
	if took <= time.Microsecond {
		return 0
	}
	over := uint64(took-1) / uint64(time.Microsecond) // whole microseconds begun before the end; at least 1 from 1.001 us on
	if over == 0 {
		return 1
	}
	octave := bits.Len64(over) - 1
	b := 2*octave + 1 // over the octave's first bound, 2^octave us
	if uint64(took) > uint64(time.Microsecond)<<octave*3/2 {
		b++
	}
	return min(b, Buckets-1)
}

// Bound is the upper bound of a bucket that has one.
func Bound(b int) time.Duration {
	octave := time.Microsecond << (b / 2)
	return octave + octave/2*time.Duration(b%2)
}

// Stopwatch measures one duration, or none. The zero value measures none.
type Stopwatch int64

var epoch = time.Now()

// Start measures from now on.
func Start() Stopwatch { return Stopwatch(time.Since(epoch)) | 1 }

// Sample is Start for one of 32 callers, chosen at random. It shares nothing between CPUs.
func Sample() Stopwatch {
	if rand.Uint32()%32 != 0 {
		return 0
	}
	return Start()
}

// Runs says whether it measures.
func (w Stopwatch) Runs() bool { return w != 0 }

// Took is the time since Start.
func (w Stopwatch) Took() time.Duration { return time.Since(epoch) - time.Duration(w) }
