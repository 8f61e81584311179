package sim

import "time"

// happening is something that will be done at a time.
type happening struct {
	at    int64
	order uint64 // of two at the same time, the one planned first is done first
	do    func()
}

// agenda is a heap of everything that is planned, the next first.
type agenda struct {
	heap []happening
	made uint64
}

func (h happening) before(o happening) bool { return h.at < o.at || h.at == o.at && h.order < o.order }

func (a *agenda) add(at int64, do func()) {
	a.made++
	a.heap = append(a.heap, happening{at, a.made, do})
	h := a.heap
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h[i].before(h[up]) {
			return
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

func (a *agenda) pop() happening {
	h := a.heap
	first, last := h[0], len(h)-1
	h[0], h[last] = h[last], happening{}
	a.heap = h[:last]
	a.sink()
	return first
}

func (a *agenda) sink() {
	h := a.heap
	for i := 0; ; {
		least := i
		for _, down := range [2]int{2*i + 1, 2*i + 2} {
			if down < len(h) && h[down].before(h[least]) {
				least = down
			}
		}
		if least == i {
			return
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}

// after plans something for later.
func (w *world) after(d time.Duration, do func()) { w.agenda.add(w.now+int64(max(d, 0)), do) }

// maxHappenings ends a world that never comes to an end.
const maxHappenings = 4_000_000

// until does what is due before a time, or until done is true.
func (w *world) until(end int64, done func() bool) bool {
	for len(w.agenda.heap) > 0 && w.agenda.heap[0].at <= end {
		next := w.agenda.pop()
		w.now = next.at
		next.do()
		if w.happened++; w.happened > maxHappenings {
			w.fail("too much happens: %d steps of the Keepers", w.Steps)
		}
		if done != nil && done() {
			return true
		}
	}
	w.now = max(w.now, end)
	return done != nil && done()
}
