package counters

import (
	"sync"
	"sync/atomic"
	"testing"

	"spike/shard"
)

// stockUnits is more than any round can take.
const stockUnits = 1 << 31

// Strategy is one way to count down.
type Strategy struct {
	Name string
	// fresh makes a full stock and returns its take. All goroutines call take at once. It returns true while there are units.
	fresh func() (take func() bool)
}

// Strategies in the order of the table: dearest first.
func Strategies() []Strategy {
	return []Strategy{
		{"chan", channel},
		{"mutex", mutex},
		{"one atomic", oneAtomic},
		{"one CAS word", oneWord},
		{"shard.Stock", stock},
	}
}

// channel is the article's lock: a channel of size 1 that has a value while no goroutine is inside.
func channel() func() bool {
	lock, left := make(chan int, 1), uint32(stockUnits)
	lock <- 1
	return func() bool {
		<-lock
		ok := left > 0
		left--
		lock <- 1
		return ok
	}
}

func mutex() func() bool {
	var mu sync.Mutex
	left := uint32(stockUnits)
	return func() bool {
		mu.Lock()
		ok := left > 0
		left--
		mu.Unlock()
		return ok
	}
}

// oneAtomic is one add. It knows when nothing is left, but it has no serials within a range, and cannot be refilled.
func oneAtomic() func() bool {
	var left atomic.Int64
	left.Store(stockUnits)
	return func() bool { return left.Add(-1) >= 0 }
}

// oneWord is a range of serials, next:32 | end:32, in a word that all CPUs share.
func oneWord() func() bool {
	var word atomic.Uint64
	word.Store(1<<32 | stockUnits)
	return func() bool {
		for {
			w := word.Load()
			if uint32(w>>32) >= uint32(w) {
				return false
			}
			if word.CompareAndSwap(w, w+1<<32) {
				return true
			}
		}
	}
}

// stock is the edge's way.
func stock() func() bool {
	s := shard.New(0)
	s.Fill(shard.Range{Start: 1, End: stockUnits})
	return func() bool {
		_, ok := s.Take()
		return ok
	}
}

// bench takes b.N units on all CPUs.
func (s Strategy) bench(b *testing.B) {
	take := s.fresh()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if !take() {
				b.Error("the stock ran out: its ns/op would be that of a loser")
				return
			}
		}
	})
}
