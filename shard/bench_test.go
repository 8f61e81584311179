package shard

import (
	"math"
	"sync"
	"sync/atomic"
	"testing"
)

// How one CPU gets one unit, five ways. Run with
//
//	go test -run '^$' -bench . -cpu 1,2,4,8 ./shard
//
// Every iteration of BenchmarkTake gets a unit of its own, or the benchmark fails. With -cpu above the machine's CPUs it measures
// a preempted crowd.

// counter is the smallest thing that sells: it hands out 1, 2, 3 ... total.
type counter interface{ Take() (uint32, bool) }

var counters = []struct {
	name string
	make func(total uint64) counter
}{
	{"chan", func(total uint64) counter { return newChanLock(total) }},
	{"mutex", func(total uint64) counter { return &mutexLock{left: total} }},
	{"atomic", func(total uint64) counter { return &fetchAdd{total: total} }},
	{"casword", func(total uint64) counter { return newCASWord(total) }},
	{"stock", func(total uint64) counter { return newBenchStock(total) }},
}

func BenchmarkTake(b *testing.B) {
	for _, c := range counters {
		b.Run(c.name, func(b *testing.B) { benchTake(b, c.make) })
	}
}

// BenchmarkLose is the other 99 of 100 calls: nothing is left.
func BenchmarkLose(b *testing.B) {
	for _, c := range counters {
		b.Run(c.name, func(b *testing.B) { benchLose(b, c.make(0)) })
	}
}

func benchTake(b *testing.B, make func(uint64) counter) {
	if b.N > math.MaxInt32 {
		b.Fatalf("%d iterations are more than there are serials", b.N)
	}
	c := make(uint64(b.N))
	var lost atomic.Uint64
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		var missed uint64
		for pb.Next() {
			if _, ok := c.Take(); !ok {
				missed++
			}
		}
		lost.Add(missed)
	})
	if n := lost.Load(); n != 0 {
		b.Fatalf("%d of %d takes got nothing", n, b.N)
	}
}

func benchLose(b *testing.B, c counter) {
	c.Take()
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, ok := c.Take(); ok {
				b.Error("sold a unit of nothing")
				return
			}
		}
	})
}

// newBenchStock fills one range of b.N. With 8 lanes, the guided chunks and the steals at the end were some 340 visits in 30
// million takes.
func newBenchStock(total uint64) counter {
	s := New(0)
	s.Fill(Range{Start: 1, End: uint32(total) + 1})
	return s
}

// chanLock is the article's lock: a channel of size 1.
type chanLock struct {
	lock chan struct{}
	left uint64
	_    [laneBytes]byte
}

func newChanLock(total uint64) *chanLock {
	return &chanLock{lock: make(chan struct{}, 1), left: total}
}

func (c *chanLock) Take() (serial uint32, ok bool) {
	c.lock <- struct{}{}
	if c.left > 0 {
		serial, ok = uint32(c.left), true
		c.left--
	}
	<-c.lock
	return serial, ok
}

type mutexLock struct {
	mu   sync.Mutex
	left uint64
	_    [laneBytes]byte
}

func (m *mutexLock) Take() (serial uint32, ok bool) {
	m.mu.Lock()
	if m.left > 0 {
		serial, ok = uint32(m.left), true
		m.left--
	}
	m.mu.Unlock()
	return serial, ok
}

// fetchAdd never fails and never retries, but it only counts up. It cannot give a part of its stock away, so it is no allotment.
type fetchAdd struct {
	next  atomic.Uint64
	_     [laneBytes]byte
	total uint64
}

func (f *fetchAdd) Take() (uint32, bool) {
	serial := f.next.Add(1)
	return uint32(serial), serial <= f.total
}

// casWord is one lane for all CPUs.
type casWord struct{ lane }

func newCASWord(total uint64) *casWord {
	var c casWord
	c.install(Range{Start: 1, End: uint32(total) + 1})
	return &c
}

func (c *casWord) Take() (uint32, bool) { return c.take(1) }
