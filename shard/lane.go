package shard

import "sync/atomic"

// laneBytes is two cache lines. Intel's adjacent-line prefetcher moves them in pairs, so with 64 neighbours would disturb each
// other.
const laneBytes = 128

// lane is one CPU's word, alone on its cache lines.
//
// take and cut only shrink the word. Only install makes it grow, and only under Stock.mu.
type lane struct {
	bits atomic.Uint64
	_    [laneBytes - 8]byte
}

func (l *lane) load() word {
	w := word(l.bits.Load())
	interleave() // nothing, except under -race
	return w
}

// take removes the first n serials, or nothing. It is lock-free: a CAS fails only because another one succeeded. n >= 1.
func (l *lane) take(n uint32) (first uint32, ok bool) {
	for {
		w := l.load()
		if w.len() < n {
			return 0, false
		}
		if l.bits.CompareAndSwap(uint64(w), uint64(w.after(n))) {
			return w.next(), true
		}
	}
}

// cut removes [at, w.end()) if the word is still w. w.next() <= at < w.end().
func (l *lane) cut(w word, at uint32) (tail Range, ok bool) {
	tail = Range{Start: at, End: w.end()}
	ok = l.bits.CompareAndSwap(uint64(w), uint64(pack(Range{Start: w.next(), End: at})))
	return tail, ok
}

// install puts r into a word that the caller, holding Stock.mu, saw empty.
//
// A plain store is safe. Under mu no other caller may fill an empty word. A take or cut with an old, non-empty value fails its
// CAS. If r brought the very same value back, the CAS succeeds, and its serials are in the word now.
func (l *lane) install(r Range) { l.bits.Store(uint64(pack(r))) }

// halve cuts the larger half off the tail. It reads the word afresh, because the victim is hot, and a value from the thief's scan
// is too old for a CAS to succeed.
func (l *lane) halve() Range {
	for {
		w := l.load()
		if w.len() == 0 {
			return Range{}
		}
		if tail, ok := l.cut(w, w.middle()); ok {
			return tail
		}
	}
}

// drain cuts up to max serials off the tail.
func (l *lane) drain(max uint64) Range {
	for {
		w := l.load()
		n := uint32(min(uint64(w.len()), max))
		if n == 0 {
			return Range{}
		}
		if tail, ok := l.cut(w, w.end()-n); ok {
			return tail
		}
	}
}

// withdraw removes the serials of r. The serials behind r's end cannot stay in the word (one word, one range), so they are
// returned as rest.
func (l *lane) withdraw(r Range) (got, rest Range) {
	for {
		w := l.load()
		both := w.unpack().meet(r)
		if both.Len() == 0 {
			return Range{}, Range{}
		}
		if tail, ok := l.cut(w, both.Start); ok {
			return both, Range{Start: both.End, End: tail.End}
		}
	}
}
