package shard

import "sync"

// twin is the Stock without a chance of error: one mutex, one list, no lanes. The suite runs over both, so a test that the twin
// fails is a wrong test.
type twin struct {
	mu     sync.Mutex
	ranges []Range
	empty  bool
	mark   uint64
	low    chan struct{}
}

func newTwin() *twin { return &twin{empty: true, low: make(chan struct{}, 1)} }

func (w *twin) Take() (uint32, bool) { return w.TakeN(1) }

func (w *twin) TakeN(n uint32) (first uint32, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n == 0 {
		return 0, false
	}
	defer w.signalLow()
	for i, r := range w.ranges {
		if r.Len() >= n {
			w.put(i, Range{r.Start + n, r.End})
			return r.Start, true
		}
	}
	w.empty = len(w.ranges) == 0
	return 0, false
}

func (w *twin) Fill(ranges ...Range) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range ranges {
		if r.Len() > 0 {
			w.ranges = append(w.ranges, r)
			w.empty = false
		}
	}
}

func (w *twin) Drain(max uint64) (out []Range) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for max > 0 && len(w.ranges) > 0 {
		r := w.ranges[0]
		n := uint32(min(uint64(r.Len()), max))
		out = append(out, Range{r.End - n, r.End})
		w.put(0, Range{r.Start, r.End - n})
		max -= uint64(n)
	}
	return out
}

func (w *twin) Withdraw(r Range) (out []Range) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var kept []Range
	for _, have := range w.ranges {
		lo, hi := max(have.Start, r.Start), min(have.End, r.End)
		if lo >= hi {
			kept = append(kept, have)
			continue
		}
		out = append(out, Range{lo, hi})
		kept = appendSome(kept, Range{have.Start, lo}, Range{hi, have.End})
	}
	w.ranges = kept
	return out
}

func (w *twin) Empty() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.empty
}

func (w *twin) Len() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return count(w.ranges)
}

func (w *twin) SetLow(n uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mark = n
}

func (w *twin) Low() <-chan struct{} { return w.low }

func (w *twin) put(i int, r Range) {
	w.ranges[i] = r
	if r.Len() == 0 {
		w.ranges = append(w.ranges[:i], w.ranges[i+1:]...)
	}
}

func (w *twin) signalLow() {
	if count(w.ranges) > w.mark {
		return
	}
	select {
	case w.low <- struct{}{}:
	default:
	}
}
