package sales

import (
	"math/bits"
	"runtime"
	"sync/atomic"

	"spike/shard"
)

// Kinds is how many kinds of answers a Tally can count.
const Kinds = 16

// Tally counts answers by kind. Each CPU has its own line of counters.
type Tally []struct {
	n [Kinds]atomic.Uint64
	_ [128 - 8*Kinds%128]byte
}

func newTally() Tally { return make(Tally, 1<<bits.Len(uint(runtime.GOMAXPROCS(0)-1))) }

// Add counts one answer.
func (t Tally) Add(kind uint8) { t[shard.CPU()&(len(t)-1)].n[kind].Add(1) }

// Read is the number of answers of a kind. It is exact for answers that were counted before.
func (t Tally) Read(kind uint8) (n uint64) {
	for i := range t {
		n += t[i].n[kind].Load()
	}
	return n
}

// Total is the number of all answers.
func (t Tally) Total() (n uint64) {
	for kind := range uint8(Kinds) {
		n += t.Read(kind)
	}
	return n
}
