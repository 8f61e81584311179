package sim

import (
	"container/heap"
	"time"
)

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

func (a *agenda) Len() int      { return len(a.heap) }
func (a *agenda) Swap(i, j int) { a.heap[i], a.heap[j] = a.heap[j], a.heap[i] }
func (a *agenda) Push(h any)    { a.heap = append(a.heap, h.(happening)) }

func (a *agenda) Less(i, j int) bool {
	h, o := a.heap[i], a.heap[j]
	return h.at < o.at || h.at == o.at && h.order < o.order
}

func (a *agenda) Pop() any {
	last := len(a.heap) - 1
	h := a.heap[last]
	a.heap[last], a.heap = happening{}, a.heap[:last]
	return h
}

func (a *agenda) add(at int64, do func()) {
	a.made++
	heap.Push(a, happening{at, a.made, do})
}

func (a *agenda) next() happening { return heap.Pop(a).(happening) }

// after plans something for later.
func (w *world) after(d time.Duration, do func()) { w.agenda.add(w.now+int64(max(d, 0)), do) }

// maxHappenings ends a world that never comes to an end.
const maxHappenings = 4_000_000

// until does everything that is due before a time, or until done is true.
func (w *world) until(end int64, done func() bool) bool {
	for len(w.agenda.heap) > 0 && w.agenda.heap[0].at <= end {
		next := w.agenda.next()
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
