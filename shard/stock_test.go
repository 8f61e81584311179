package shard

import (
	"math"
	"reflect"
	"testing"
)

// What is true only of Stock, and of its construction.

func TestLanesAreAPowerOfTwo(t *testing.T) {
	for lanes, want := range map[int]int{1: 1, 2: 2, 3: 4, 8: 8, 9: 16, 256: 256, 1 << 20: 256} {
		if got := len(New(lanes).lanes); got != want {
			t.Errorf("New(%d) has %d lanes, want %d", lanes, got, want)
		}
	}
	for _, lanes := range []int{0, -1} {
		if got := len(New(lanes).lanes); got < 1 || got&(got-1) != 0 {
			t.Errorf("New(%d) has %d lanes", lanes, got)
		}
	}
}

func TestLanesStandAlone(t *testing.T) {
	for _, n := range []int{1, 2, 8, 256} {
		if at := reflect.ValueOf(&New(n).lanes[0]).Pointer(); at%laneBytes != 0 {
			t.Errorf("%d lanes begin at %#x", n, at)
		}
	}
	stock := reflect.TypeFor[Stock]()
	flag, _ := stock.FieldByName("empty")
	mu, _ := stock.FieldByName("mu")
	if gap := mu.Offset - flag.Offset; gap < laneBytes {
		t.Errorf("the flag is %d bytes from the mutex", gap)
	}
}

func TestWordPacks(t *testing.T) {
	for _, r := range []Range{{0, 0}, {1, 1}, {1, 2}, {7, 9}, {1, math.MaxUint32}, {math.MaxUint32 - 1, math.MaxUint32}} {
		w := pack(r)
		if w.unpack() != r || w.len() != r.Len() {
			t.Errorf("pack(%v) = %#x", r, uint64(w))
		}
		if got, want := w.after(r.Len()).unpack(), (Range{r.End, r.End}); got != want {
			t.Errorf("%v after all = %v", r, got)
		}
		if r.Len() > 0 && (w.middle() < r.Start || w.middle() >= r.End) {
			t.Errorf("the middle of %v is %d: the thief gets nothing", r, w.middle())
		}
	}
}

// The test holds the mutex, so a call that needs it hangs.
func TestHotPathTakesNoLock(t *testing.T) {
	s := New(1)
	s.Fill(Range{1, 101})
	s.Take() // brings a chunk
	s.mu.Lock()
	if _, ok := s.Take(); !ok {
		t.Error("lost with a full lane")
	}
	if _, ok := s.TakeN(2); !ok {
		t.Error("lost two with a full lane")
	}
	s.mu.Unlock()
	s.Drain(math.MaxUint64)
	s.Take() // sets Empty
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.Take(); ok {
		t.Error("won of nothing")
	}
	if _, ok := s.TakeN(2); ok || !s.Empty() || s.Len() != 0 {
		t.Error("won two of nothing")
	}
}

func TestTakeAllocatesNothing(t *testing.T) {
	s := New(4)
	lost := testing.AllocsPerRun(1000, func() { s.Take(); s.TakeN(2) })
	s.Fill(Range{1, 1_000_000})
	won := testing.AllocsPerRun(1000, func() { s.Take(); s.TakeN(3) })
	s.Drain(math.MaxUint64)
	s.Fill(Range{1, 3001})
	cold := testing.AllocsPerRun(3000, func() { s.Take() }) // every chunk down to the last
	if lost != 0 || won != 0 || cold != 0 {
		t.Errorf("allocations: lost %v, won %v, cold %v", lost, won, cold)
	}
}

// With 4 lanes a visit brings an eighth of the reserve, and in the end one unit.
func TestChunksShrink(t *testing.T) {
	s := New(4)
	s.Fill(Range{1, 801})
	for i, want := range []uint32{100, 87, 76, 67} {
		if s.takeOn(&s.lanes[i], 1); s.lanes[i].load().len() != want-1 {
			t.Errorf("visit %d brought %d, want %d", i, 1+s.lanes[i].load().len(), want)
		}
	}
	s.Drain(470 - 7) // from the reserve first
	if s.reserve.total.Load() != 7 || s.chunk() != 1 {
		t.Errorf("chunk %d of %d", s.chunk(), s.reserve.total.Load())
	}
}

// A lane that steals needs one visit, and the victim keeps the smaller half.
func TestStealHalvesTheFullest(t *testing.T) {
	s := New(4)
	s.empty.Store(false)
	s.lanes[1].install(Range{10, 13})
	s.lanes[2].install(Range{20, 27})
	if serial, ok := s.takeOn(&s.lanes[0], 1); !ok || serial != 23 {
		t.Fatal("stole", serial, ok)
	}
	for i, want := range []Range{{24, 27}, {10, 13}, {20, 23}, {}} {
		if got := s.lanes[i].load().unpack(); got != want {
			t.Errorf("lane %d = %v, want %v", i, got, want)
		}
	}
}

// A taker and a thief sleep over a whole life of the word. The word was sold out and came back as the same value, and their old
// CAS now succeeds. The result must be right.
func TestOldWordIsHarmless(t *testing.T) {
	var l lane
	l.install(Range{5, 9})
	old := l.load()
	if _, ok := l.take(4); !ok {
		t.Fatal("take(4)")
	}
	if _, ok := l.cut(old, 5); ok {
		t.Fatal("cut of sold serials")
	}
	l.install(Range{5, 9}) // cancelled, granted again, filled again
	if tail, ok := l.cut(old, 7); !ok || tail != (Range{7, 9}) {
		t.Fatal("cut =", tail, ok)
	}
	if first, ok := l.take(2); !ok || first != 5 {
		t.Fatal("take =", first, ok)
	}
	if _, ok := l.take(1); ok {
		t.Fatal("a fifth of four")
	}
}

// All units are in lanes, and none in the caller's lane. TakeN still finds what one lane has, and says nothing about the rest.
func TestTakeNLooksEverywhere(t *testing.T) {
	s := New(4)
	s.empty.Store(false)
	s.lanes[1].install(Range{10, 12})
	s.lanes[3].install(Range{30, 34})
	s.reserve.add(Range{50, 53})
	for _, want := range []uint32{50, 30} {
		if first, ok := s.takeOn(&s.lanes[0], 3); !ok || first != want {
			t.Fatal("TakeN(3) =", first, ok)
		}
	}
	if _, ok := s.takeOn(&s.lanes[0], 3); ok || s.Empty() || s.Len() != 3 {
		t.Fatal("TakeN(3) of 2+1")
	}
}

func TestFillRefusesNonsense(t *testing.T) {
	for _, r := range []Range{{0, 5}, {7, 6}} {
		s := New(1)
		if !panics(func() { s.Fill(Range{1, 2}, r) }) {
			t.Errorf("Fill(%v) did not panic", r)
		}
		if s.Len() != 0 {
			t.Errorf("Fill(%v) added something", r)
		}
	}
}

func TestFillTwiceIsSeenUnderRace(t *testing.T) {
	if !invariants {
		t.Skip("only with -race")
	}
	s := New(1)
	s.Fill(Range{1, 9})
	s.Take() // some in the lane, some in the reserve
	for _, r := range []Range{{2, 3}, {8, 20}} {
		if !panics(func() { s.Fill(r) }) {
			t.Errorf("filled %v twice", r)
		}
	}
	s.Fill(Range{1, 2}) // cancelled
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}
