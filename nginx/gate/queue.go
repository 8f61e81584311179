package gate

import (
	"container/heap"
	"time"
)

// queue orders the sales by the time of their next call. A sale with a call under way is not in it.
type queue []*sale

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due().Before(q[j].due()) }

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements heap.Interface.
func (q *queue) Push(x any) {
	s := x.(*sale)
	s.index = len(*q)
	*q = append(*q, s)
}

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	last := len(*q) - 1
	s := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	s.index = -1
	return s
}

// moved puts a sale in its right place, unless a call is under way.
func (q *queue) moved(s *sale) {
	if s.index >= 0 {
		heap.Fix(q, s.index)
	}
}

// enters adds a sale that is new, or whose call is over.
func (q *queue) enters(s *sale) { heap.Push(q, s) }

// takes removes a sale whose call is due, or returns the time until one is.
func (q *queue) takes(now time.Time) (s *sale, wait time.Duration) {
	if len(*q) == 0 {
		return nil, time.Hour
	}
	if wait := (*q)[0].due().Sub(now); wait > 0 {
		return nil, wait
	}
	return heap.Pop(q).(*sale), 0
}
