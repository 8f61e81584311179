package shard

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// world is the sequential truth: which serials are in the allotment, and which Fill brought each. Every step is checked to the
// last serial.

const worldSize = 64

type world struct {
	a     allotment
	base  uint32         // its serials are base <= s < base+worldSize
	home  map[uint32]int // serial -> the fill that brought it
	fills int
}

type opKind byte

const (
	opTake opKind = iota
	opTakeN
	opFill
	opDrain
	opDrainAll
	opWithdraw
	opKinds
)

type op struct {
	kind opKind
	lane int
	at   uint32 // from base
	n    uint32
}

func (o op) String() string {
	names := [...]string{"Take", "TakeN", "Fill", "Drain", "DrainAll", "Withdraw"}
	return fmt.Sprintf("%s lane=%d at=%d n=%d", names[o.kind], o.lane, o.at, o.n)
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// bases: the smallest serials, and those whose End is the largest uint32.
var bases = []uint32{1, math.MaxUint32 - worldSize}

func newWorld(a allotment, base uint32) *world {
	return &world{a: a, base: base, home: map[uint32]int{}}
}

func (w *world) step(t failer, o op) {
	t.Helper()
	switch o.kind {
	case opTake:
		w.take(t, o.lane, 1)
	case opTakeN:
		w.take(t, o.lane, o.n)
	case opFill:
		w.fill(w.window(o))
	case opDrain:
		w.drain(t, uint64(o.n))
	case opDrainAll:
		w.drain(t, math.MaxUint64)
	case opWithdraw:
		w.withdraw(t, w.window(o))
	default:
		t.Fatalf("unknown operation %d", o.kind)
	}
	w.check(t)
}

func (w *world) window(o op) Range {
	end := min(uint64(o.at)+uint64(o.n), worldSize)
	return Range{w.base + o.at, w.base + uint32(end)}
}

func (w *world) take(t failer, lane int, n uint32) {
	t.Helper()
	longest := w.longestPlace()
	first, ok := takeOn(w.a, lane, n)
	if want := n > 0 && n <= longest; ok != want {
		t.Fatalf("TakeN(%d) = %v, longest place is %d", n, ok, longest)
	}
	if ok {
		w.remove(t, Range{first, first + n})
		return
	}
	if nothing := len(w.home) == 0; n > 0 && w.a.Empty() != nothing {
		t.Fatalf("lost TakeN(%d) left Empty() = %v with %d units", n, !nothing, len(w.home))
	}
}

// fill adds the serials of r that are absent, each run of them as one range.
func (w *world) fill(r Range) {
	var runs []Range
	for s := r.Start; s < r.End; s++ {
		if _, here := w.home[s]; here {
			continue
		}
		if last := len(runs) - 1; last >= 0 && runs[last].End == s {
			runs[last].End++
		} else {
			runs = append(runs, Range{s, s + 1})
		}
	}
	for _, run := range runs {
		w.fills++
		for s := run.Start; s < run.End; s++ {
			w.home[s] = w.fills
		}
	}
	w.a.Fill(runs...)
}

func (w *world) drain(t failer, max uint64) {
	t.Helper()
	want := min(max, uint64(len(w.home)))
	got := w.a.Drain(max)
	if count(got) != want {
		t.Fatalf("Drain(%d) = %v, want %d units", max, got, want)
	}
	for _, r := range got {
		w.remove(t, r)
	}
}

func (w *world) withdraw(t failer, r Range) {
	t.Helper()
	for _, got := range w.a.Withdraw(r) {
		if got.Start < r.Start || got.End > r.End {
			t.Fatalf("Withdraw(%v) returned %v", r, got)
		}
		w.remove(t, got)
	}
	for s := r.Start; s < r.End; s++ {
		if _, here := w.home[s]; here {
			t.Fatalf("Withdraw(%v) left %d behind", r, s)
		}
	}
}

// remove checks that all of r was here, brought by one fill.
func (w *world) remove(t failer, r Range) {
	t.Helper()
	if r.Len() == 0 {
		t.Fatalf("an empty range was returned: %v", r)
	}
	for s := r.Start; s < r.End; s++ {
		if id, here := w.home[s]; !here || id != w.home[r.Start] && s != r.Start {
			t.Fatalf("%v came out: %d is not here or of another fill", r, s)
		}
	}
	for s := r.Start; s < r.End; s++ {
		delete(w.home, s)
	}
}

// check: every serial is in exactly one place, and no place spans two fills (W2, W3).
func (w *world) check(t failer) {
	t.Helper()
	seen := map[uint32]bool{}
	for _, r := range places(w.a) {
		for s := r.Start; s < r.End; s++ {
			if id, here := w.home[s]; !here || seen[s] || id != w.home[r.Start] {
				t.Fatalf("place %v: serial %d is strange, twice here or of another fill", r, s)
			}
			seen[s] = true
		}
	}
	if n := uint64(len(w.home)); uint64(len(seen)) != n || w.a.Len() != n {
		t.Fatalf("%d units in places, Len() = %d, want %d", len(seen), w.a.Len(), n)
	}
	if w.a.Empty() && len(w.home) > 0 {
		t.Fatalf("Empty with %d units", len(w.home))
	}
}

func (w *world) longestPlace() (n uint32) {
	for _, r := range places(w.a) {
		n = max(n, r.Len())
	}
	return n
}

var anyOp = rapid.Custom(func(t *rapid.T) op {
	return op{
		kind: opKind(rapid.IntRange(0, int(opKinds)-1).Draw(t, "kind")),
		lane: rapid.IntRange(0, 7).Draw(t, "lane"),
		at:   rapid.Uint32Range(0, worldSize-1).Draw(t, "at"),
		n:    rapid.Uint32Range(0, worldSize).Draw(t, "n"),
	}
})

func TestAnySequenceKeepsEverySerial(t *testing.T) {
	overAll(t, func(t *testing.T, make func() allotment) {
		rapid.Check(t, func(t *rapid.T) {
			w := newWorld(make(), rapid.SampledFrom(bases).Draw(t, "base"))
			w.fill(Range{w.base, w.base + worldSize})
			for _, o := range rapid.SliceOfN(anyOp, 20, 200).Draw(t, "ops") {
				w.step(t, o)
			}
			w.drain(t, math.MaxUint64)
			w.check(t)
		})
	})
}

// FuzzOps reads three bytes an operation: kind and lane, at, n.
func FuzzOps(f *testing.F) {
	f.Add(byte(1), []byte{2, 0, 64, 0, 0, 0, 8, 0, 0, 0, 0, 0})          // fill all, take on two lanes
	f.Add(byte(4), []byte{2, 0, 64, 0, 0, 0, 5, 2, 9, 8, 0, 0})          // withdraw from inside a lane
	f.Add(byte(4), []byte{2, 0, 3, 0, 0, 0, 8, 0, 0, 16, 0, 0, 0, 0, 0}) // steal the last, then none
	f.Add(byte(2), []byte{2, 0, 9, 2, 9, 9, 1, 0, 7, 3, 0, 5, 4, 0, 0})  // two leases side by side
	f.Add(byte(8), []byte{1, 0, 2, 2, 60, 9, 1, 0, 9, 2, 60, 4, 0, 0, 0})
	f.Fuzz(func(t *testing.T, lanes byte, data []byte) {
		for _, base := range bases {
			runBytes(t, newWorld(New(1+int(lanes%8)), base), data)
			runBytes(t, newWorld(newTwin(), base), data)
		}
	})
}

func runBytes(t *testing.T, w *world, data []byte) {
	for ; len(data) >= 3; data = data[3:] {
		w.step(t, op{
			kind: opKind(data[0]&7) % opKinds,
			lane: int(data[0] >> 3),
			at:   uint32(data[1]) % worldSize,
			n:    uint32(data[2]) % (worldSize + 1),
		})
	}
	w.drain(t, math.MaxUint64)
	w.check(t)
}
