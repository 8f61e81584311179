package sales

import "sync"

// Group is the work that goes on beside requests and ends with the edge. Nobody joins once the end has begun.
type Group struct {
	mu   sync.Mutex
	over bool
	all  sync.WaitGroup
}

// Start has f done by a goroutine of its own, unless the end has begun.
func (g *Group) Start(f func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.over {
		g.all.Go(f)
	}
	return !g.over
}

// End waits for all. Whoever works must have been told to end.
func (g *Group) End() {
	g.mu.Lock()
	g.over = true
	g.mu.Unlock()
	g.all.Wait()
}
