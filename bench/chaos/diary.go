package chaos

import (
	"container/heap"
	"sync"
	"time"
)

// errand is what a winner wants done, and not before due.
type errand struct {
	kind  Kind
	win   Op
	due   time.Duration
	tried bool // and not answered: it may have been done
}

// diary is the errands there are to run. Safe for concurrent use.
type diary struct {
	mu  sync.Mutex
	all byDue
}

func (d *diary) put(e errand) {
	d.mu.Lock()
	defer d.mu.Unlock()
	heap.Push(&d.all, e)
}

// next is the errand that has been due the longest, if there is one.
func (d *diary) next(now time.Duration) (e errand, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.all) == 0 || d.all[0].due > now {
		return errand{}, false
	}
	return heap.Pop(&d.all).(errand), true
}

// lag is for how long what is due has not been done.
func (d *diary) lag(now time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.all) == 0 {
		return 0
	}
	return max(0, now-d.all[0].due)
}

// byDue is a heap.
type byDue []errand

func (b byDue) Len() int           { return len(b) }
func (b byDue) Less(i, j int) bool { return b[i].due < b[j].due }
func (b byDue) Swap(i, j int)      { b[i], b[j] = b[j], b[i] }
func (b *byDue) Push(e any)        { *b = append(*b, e.(errand)) }
func (b *byDue) Pop() any {
	last := len(*b) - 1
	e := (*b)[last]
	*b = (*b)[:last]
	return e
}
