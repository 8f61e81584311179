package order

import (
	"context"
	"sync"
	"time"
)

// supervisor serves the sales that the store lists. Ending holds does not depend on storing orders. A consumer with a batch of a
// removed sale keeps other consumers from its name, but not a sweeper.
type supervisor struct {
	w       *Worker
	working sync.WaitGroup

	mu        sync.Mutex
	sales     map[string]*sale // listed sales
	consumers map[string]bool  // names with a consumer at work, even if its sale is gone
}

// sale is one sale as this worker serves it.
type sale struct {
	name   string
	life   context.Context // ends when the sale is not listed any more
	end    context.CancelFunc
	health *healthLog
	news   news

	mu      sync.Mutex
	figures figures
}

func newSupervisor(w *Worker) *supervisor {
	return &supervisor{w: w, sales: map[string]*sale{}, consumers: map[string]bool{}}
}

// The list walks over all keys of the store, so it may keep the store busy for at most 1 / lookShare of the time. But a new sale
// never waits longer than longestLook.
const (
	lookShare   = 20
	longestLook = 10 * time.Second
)

// run reads the store's list until ctx ends, and returns when all goroutines have ended.
func (v *supervisor) run(ctx context.Context) {
	v.working.Go(func() { v.listen(ctx) })
	for n := 0; ; {
		began := time.Now()
		names, err := v.w.store.List(ctx)
		if ctx.Err() != nil {
			break
		}
		v.w.storeHealth.note("list", err)
		pause := max(v.w.pace.look, min(lookShare*time.Since(began), longestLook))
		if n++; err == nil {
			n = 0
			v.update(ctx, names)
		} else {
			pause = backoff(v.w.pace.retry, v.w.pace.retryMost, n)
		}
		if !sleep(ctx, pause) {
			break
		}
	}
	v.working.Wait()
}

// update starts new sales, and ends sales that are gone.
func (v *supervisor) update(ctx context.Context, names []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	listed := make(map[string]bool, len(names))
	for _, name := range names {
		listed[name] = true
		if v.sales[name] == nil {
			v.startSale(ctx, name)
		}
		if v.w.repo != nil && !v.consumers[name] {
			v.startConsumer(ctx, v.sales[name])
		}
	}
	for name, s := range v.sales {
		if !listed[name] {
			s.end()
			delete(v.sales, name)
		}
	}
}

// startSale starts a sale's sweeper.
func (v *supervisor) startSale(ctx context.Context, name string) {
	s := &sale{name: name, health: newHealthLog(v.w.log, "sale "+name), news: newNews()}
	s.life, s.end = context.WithCancel(ctx)
	v.sales[name] = s
	v.working.Go(func() { (&sweeper{w: v.w, sale: s}).run(s.life) })
}

// startConsumer starts a sale's consumer. The consumer may outlive its sale. The name's next sale gets a consumer at the first
// look after that.
func (v *supervisor) startConsumer(process context.Context, s *sale) {
	v.consumers[s.name] = true
	v.working.Go(func() {
		newConsumer(v.w, s).run(s.life, process)
		v.mu.Lock()
		defer v.mu.Unlock()
		delete(v.consumers, s.name)
	})
}

// listed is the sales that are served now.
func (v *supervisor) listed() []*sale {
	v.mu.Lock()
	defer v.mu.Unlock()
	list := make([]*sale, 0, len(v.sales))
	for _, s := range v.sales {
		list = append(list, s)
	}
	return list
}

// figures is how far behind a sale's orders are.
type figures struct {
	unread, unacked uint64
	oldest          time.Duration
}

func (s *sale) setFigures(f figures) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.figures = f
}

func (s *sale) getFigures() figures {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.figures
}
