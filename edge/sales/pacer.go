package sales

import (
	"sync"
	"time"
)

// pacer spaces actions evenly, and allows a burst.
type pacer struct {
	every time.Duration
	burst time.Duration // how far the next turn may lie in the past

	mu   sync.Mutex
	next time.Time
}

// newPacer allows so many actions a second, and so many at once.
func newPacer(second, burst int) *pacer {
	every := time.Second / time.Duration(second)
	return &pacer{every: every, burst: time.Duration(burst) * every}
}

// take gives the caller a turn, and says how long to wait for it. It is not ok if that is longer than patience.
func (p *pacer) take(now time.Time, patience time.Duration) (wait time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	turn := p.next
	if least := now.Add(-p.burst); turn.Before(least) {
		turn = least
	}
	if wait = max(turn.Sub(now), 0); wait > patience {
		return 0, false
	}
	p.next = turn.Add(p.every)
	return wait, true
}
