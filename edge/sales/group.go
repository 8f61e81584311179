package sales

import "sync"

// Group is the goroutines that work beside requests and end with the edge. None starts after the end has begun.
type Group struct {
	mu   sync.Mutex
	over bool
	all  sync.WaitGroup
}

// Start runs f in a goroutine of its own, unless the end has begun.
func (g *Group) Start(f func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.over {
		g.all.Go(f)
	}
	return !g.over
}

// End waits until all goroutines have ended. The caller must have told them to end.
func (g *Group) End() {
	g.mu.Lock()
	g.over = true
	g.mu.Unlock()
	g.all.Wait()
}
