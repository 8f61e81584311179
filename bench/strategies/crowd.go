package strategies

import (
	"math/rand/v2"
	"time"
)

// How long after the answer a payer pays, at least and at most.
const (
	payAtLeast = 50 * time.Millisecond
	payAtMost  = 500 * time.Millisecond
)

// Crowd decides from its seed what the winners do.
type Crowd struct {
	Seed     uint64
	NeverPay int // percent
}

// Winner says whether the k-th winner ever pays, and how long after the answer.
func (c Crowd) Winner(k int64) (pays bool, after time.Duration) {
	r := rand.New(rand.NewPCG(c.Seed, uint64(k)))
	pays = r.IntN(100) >= c.NeverPay
	return pays, payAtLeast + time.Duration(r.Int64N(int64(payAtMost-payAtLeast)+1))
}
