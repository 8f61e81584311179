package shard

import (
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
)

// maxLanes bounds a scan under the mutex: 256 loads are a few microseconds.
const maxLanes = 256

// Stock is the units that one edge may sell. All methods are safe for concurrent use; doc.go says what each guarantees. Use New.
type Stock struct {
	lanes []lane      // fixed by New; the length is a power of two
	empty atomic.Bool // true: nothing is here. A scan sets it, Fill clears it, both under mu

	// Every Take reads the line above, and a refill writes it once. So it is kept clear of the line that lock holders write.
	_ [laneBytes]byte

	mu      sync.Mutex // the cold mutex, I9
	reserve reserve
	lowMark atomic.Uint64
	low     chan struct{} // cap 1
}

// New makes an empty Stock. It rounds lanes up to a power of two, at most 256; lanes <= 0 means GOMAXPROCS. If there are more
// CPUs than lanes, CPUs share a lane, and fewer lanes are robbed.
func New(lanes int) *Stock {
	if lanes <= 0 {
		lanes = runtime.GOMAXPROCS(0)
	}
	s := &Stock{
		lanes: make([]lane, ceilPow2(min(lanes, maxLanes))),
		low:   make(chan struct{}, 1),
	}
	s.empty.Store(true)
	return s
}

// Take hands out one serial, to this caller only. False means that nothing was here at one moment during the call.
func (s *Stock) Take() (serial uint32, ok bool) {
	if s.empty.Load() { // first, because one load is all that a loser should cost
		return 0, false
	}
	l := s.lane()
	if serial, ok = l.take(1); ok {
		return serial, true
	}
	return s.visit(l, 1)
}

// TakeN hands out the n serials first <= s < first+n, all of one filled range, or none. For n > 1 false means that no lane and no
// range of the reserve held n together; there may still be units (see Empty). n = 0 gets nothing.
func (s *Stock) TakeN(n uint32) (first uint32, ok bool) {
	if n == 0 || s.empty.Load() {
		return 0, false
	}
	l := s.lane()
	if first, ok = l.take(n); ok {
		return first, true
	}
	return s.visit(l, n)
}

// Empty is true only while nothing is here, or while a Fill has not returned. It may be false for a while when nothing is here:
// the last Take leaves it false, and the next one sets it.
func (s *Stock) Empty() bool { return s.empty.Load() }

// Len is how many units are here. It is weak, because it takes no lock: a unit that moves between reserve and lanes meanwhile may
// be counted twice or not at all. It is exact while no other call runs.
func (s *Stock) Len() uint64 {
	n := s.reserve.total.Load()
	for i := range s.lanes {
		n += uint64(s.lanes[i].load().len())
	}
	return n
}

func (s *Stock) lane() *lane { return &s.lanes[procID()&(len(s.lanes)-1)] }

func ceilPow2(n int) int { return 1 << bits.Len(uint(n-1)) }
