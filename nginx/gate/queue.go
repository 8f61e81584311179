package gate

import (
	"container/heap"
	"time"
)

// queue has the sales by when their next call is due. A sale of which a call is under way is not in it.
type queue []*sale

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due().Before(q[j].due()) }

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push is heap's.
func (q *queue) Push(x any) {
	s := x.(*sale)
	s.index = len(*q)
	*q = append(*q, s)
}

// Pop is heap's.
func (q *queue) Pop() any {
	last := len(*q) - 1
	s := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	s.index = -1
	return s
}

// moved puts a sale where it belongs, unless a call is under way.
func (q *queue) moved(s *sale) {
	if s.index >= 0 {
		heap.Fix(q, s.index)
	}
}

// enters puts a sale in: it is new, or its call is over.
func (q *queue) enters(s *sale) { heap.Push(q, s) }

// takes gives a sale whose call is due, or says how long there is none.
func (q *queue) takes(now time.Time) (s *sale, wait time.Duration) {
	if len(*q) == 0 {
		return nil, time.Hour
	}
	if wait := (*q)[0].due().Sub(now); wait > 0 {
		return nil, wait
	}
	return heap.Pop(q).(*sale), 0
}
