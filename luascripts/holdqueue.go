package luascripts

import (
	"container/heap"
	"strconv"
)

// holdQueue is the twin's holds: serials by the end of their hold, equal ends in the order Redis keeps members: as
// text.
type holdQueue struct{ h holdHeap }

type hold struct {
	expiry int64
	serial uint32
}

func (q *holdQueue) push(expiry int64, serial uint32) { heap.Push(&q.h, hold{expiry, serial}) }

// popDue takes out the first serial whose hold is over.
func (q *holdQueue) popDue(now int64) (serial uint32, due bool) {
	if len(q.h) == 0 || q.h[0].expiry > now {
		return 0, false
	}
	return heap.Pop(&q.h).(hold).serial, true
}

type holdHeap []hold

func (h holdHeap) Len() int      { return len(h) }
func (h holdHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h holdHeap) Less(i, j int) bool {
	if h[i].expiry != h[j].expiry {
		return h[i].expiry < h[j].expiry
	}
	return strconv.Itoa(int(h[i].serial)) < strconv.Itoa(int(h[j].serial))
}
func (h *holdHeap) Push(x any) { *h = append(*h, x.(hold)) }
func (h *holdHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
