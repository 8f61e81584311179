package shard

import (
	"runtime"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// allotment is the interface of Stock and its twin.
type allotment interface {
	Take() (serial uint32, ok bool)
	TakeN(n uint32) (first uint32, ok bool)
	Fill(ranges ...Range)
	Drain(max uint64) []Range
	Withdraw(r Range) []Range
	Empty() bool
	Len() uint64
	SetLow(n uint64)
	Low() <-chan struct{}
}

var subjects = []struct {
	name string
	make func() allotment
}{
	{"twin", func() allotment { return newTwin() }},
	{"stock1", func() allotment { return New(1) }},
	{"stock2", func() allotment { return New(2) }},
	{"stock4", func() allotment { return New(4) }},
	{"stock", func() allotment { return New(0) }},
}

// overAll runs test on every implementation. It uses more Ps than the machine may have CPUs, because a preempted taker is the one
// that sees old words.
func overAll(t *testing.T, test func(t *testing.T, make func() allotment)) {
	for _, s := range subjects {
		t.Run(s.name, func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
			test(t, s.make)
		})
	}
}

// takeOn is TakeN as a goroutine on P number i would run it.
func takeOn(a allotment, i int, n uint32) (first uint32, ok bool) {
	s, isStock := a.(*Stock)
	if !isStock || n == 0 || s.Empty() {
		return a.TakeN(n)
	}
	return s.takeOn(&s.lanes[i%len(s.lanes)], n)
}

// takeOn is Take and TakeN after they have found their lane.
func (s *Stock) takeOn(l *lane, n uint32) (first uint32, ok bool) {
	if first, ok = l.take(n); ok {
		return first, true
	}
	return s.visit(l, n)
}

// pour fills r into one lane and leaves the reserve empty, as visits do in the end. Every other lane must steal.
func pour(a allotment, i int, r Range) {
	s, isStock := a.(*Stock)
	if !isStock {
		a.Fill(r)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lanes[i%len(s.lanes)].install(r)
	s.empty.Store(false)
}

// places is every piece of stock. No other call may run.
func places(a allotment) []Range {
	s, isStock := a.(*Stock)
	if !isStock {
		return a.(*twin).ranges
	}
	out := appendSome(nil, s.reserve.ranges...)
	for i := range s.lanes {
		out = appendSome(out, s.lanes[i].load().unpack())
	}
	return out
}

// short is n, or less if each costs more.
func short(n int) int {
	if invariants || testing.Short() {
		return max(1, n/4)
	}
	return n
}
