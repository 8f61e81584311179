package oracle

import "sync"

// crew is the work that goes on beside requests and ends with the edge. Nobody joins once the end has begun.
type crew struct {
	mu   sync.Mutex
	over bool
	all  sync.WaitGroup
}

// start has f done by a goroutine of its own, unless the end has begun.
func (c *crew) start(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.all.Go(f)
	}
	return !c.over
}

// end waits for all. Whoever works must have been told to end.
func (c *crew) end() {
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	c.all.Wait()
}
