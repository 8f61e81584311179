package sales

import (
	"context"
	"time"
)

// semaphore limits how many calls are under way at a time. Its capacity is the limit.
type semaphore chan struct{}

// acquire waits at most so long, and then fails with ErrBusy.
func (s semaphore) acquire(life context.Context, wait time.Duration) error {
	select {
	case s <- struct{}{}:
		return nil
	default:
	}
	select {
	case s <- struct{}{}:
		return nil
	case <-time.After(wait):
		return ErrBusy
	case <-life.Done():
		return life.Err()
	}
}

func (s semaphore) release() { <-s }
