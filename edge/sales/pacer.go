package sales

import (
	"sync"
	"time"
)

// pacer spreads what may be done evenly, but for a burst.
type pacer struct {
	every time.Duration
	burst time.Duration // so far it may be behind

	mu   sync.Mutex
	next time.Time
}

// newPacer lets so many be done a second, and so many at once.
func newPacer(second, burst int) *pacer {
	every := time.Second / time.Duration(second)
	return &pacer{every: every, burst: time.Duration(burst) * every}
}

// take is how long to wait for one's turn; not ok: longer than patience.
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
