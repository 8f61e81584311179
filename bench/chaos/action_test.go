package chaos

import (
	"container/heap"
	"sync"
	"time"
)

// action is a request that a winner will make, not before due.
type action struct {
	kind  Kind
	win   Op
	due   time.Duration
	tried bool // without an answer: it may have taken effect
}

// actions are the winners' future requests. Safe for concurrent use.
type actions struct {
	mu  sync.Mutex
	all byDue
}

func (d *actions) put(e action) {
	d.mu.Lock()
	defer d.mu.Unlock()
	heap.Push(&d.all, e)
}

// next returns the action that has been due the longest, if one is due.
func (d *actions) next(now time.Duration) (e action, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.all) == 0 || d.all[0].due > now {
		return action{}, false
	}
	return heap.Pop(&d.all).(action), true
}

// lag is for how long the oldest due action has been due.
func (d *actions) lag(now time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.all) == 0 {
		return 0
	}
	return max(0, now-d.all[0].due)
}

// byDue is a heap.
type byDue []action

func (b byDue) Len() int           { return len(b) }
func (b byDue) Less(i, j int) bool { return b[i].due < b[j].due }
func (b byDue) Swap(i, j int)      { b[i], b[j] = b[j], b[i] }
func (b *byDue) Push(e any)        { *b = append(*b, e.(action)) }
func (b *byDue) Pop() any {
	last := len(*b) - 1
	e := (*b)[last]
	*b = (*b)[:last]
	return e
}
