package memory

import (
	"cmp"
	"container/heap"
	"encoding/binary"
)

// holdQueue is the twin's holds: groups of serials, each with the latest end among its serials. Equal ends are in the order
// in which Redis keeps members: as bytes.
type holdQueue struct {
	ends map[string]int64
	h    holdHeap // may have old entries of groups whose end has moved
}

type holdGroup struct {
	end     int64
	serials string // u32 each, big endian
}

// groupOf is the serials of a claim as a group.
func groupOf(first, n uint32) string {
	var b []byte
	for s := first; s < first+n; s++ {
		b = binary.BigEndian.AppendUint32(b, s)
	}
	return string(b)
}

// add is ZADD GT.
func (q *holdQueue) add(serials string, end int64) {
	if old, known := q.ends[serials]; known && old >= end {
		return
	}
	if q.ends == nil {
		q.ends = map[string]int64{}
	}
	q.ends[serials] = end
	heap.Push(&q.h, holdGroup{end, serials})
}

// due is the first group, if its end has come.
func (q *holdQueue) due(now int64) (serials string, due bool) {
	if !q.clean() {
		return "", false
	}
	return q.h[0].serials, q.h[0].end <= now
}

// first is the end of the first group.
func (q *holdQueue) first() (end int64, some bool) {
	if !q.clean() {
		return 0, false
	}
	return q.h[0].end, true
}

// clean drops old entries from the front; false: no group is left.
func (q *holdQueue) clean() bool {
	for len(q.h) > 0 {
		if end, known := q.ends[q.h[0].serials]; known && end == q.h[0].end {
			return true
		}
		heap.Pop(&q.h)
	}
	return false
}

func (q *holdQueue) remove(serials string) { delete(q.ends, serials) }

type holdHeap []holdGroup

func (h holdHeap) Len() int      { return len(h) }
func (h holdHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h holdHeap) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].end, h[j].end), cmp.Compare(h[i].serials, h[j].serials)) < 0
}
func (h *holdHeap) Push(x any) { *h = append(*h, x.(holdGroup)) }
func (h *holdHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
