package order

import (
	"context"
	"sync"
	"time"
)

// roster has the sales that are worked on: those the store lists. Ending holds does not depend on storing orders: a desk that
// has a batch of a sale that is gone in hand keeps its name from other desks, but not from a sweeper.
type roster struct {
	w       *Worker
	working sync.WaitGroup

	mu    sync.Mutex
	sales map[string]*sale // those listed
	desks map[string]bool  // names at which a desk is at work, be its sale listed or gone
}

// sale is one sale as this worker serves it.
type sale struct {
	name    string
	life    context.Context // it is listed
	end     context.CancelFunc
	trouble *trouble
	news    news

	mu      sync.Mutex
	figures figures
}

func newRoster(w *Worker) *roster {
	return &roster{w: w, sales: map[string]*sale{}, desks: map[string]bool{}}
}

// lookShare is what part of the time the store may be busy with the list, at most 1 / lookShare: it walks over all its keys.
// But a new sale never waits longer than longestLook.
const (
	lookShare   = 20
	longestLook = 10 * time.Second
)

// run looks at the store's list until ctx ends, and returns when nobody works any more.
func (r *roster) run(ctx context.Context) {
	r.working.Go(func() { r.listen(ctx) })
	for n := 0; ; {
		began := time.Now()
		names, err := r.w.store.List(ctx)
		if ctx.Err() != nil {
			break
		}
		r.w.storeTrouble.note("list", err)
		pause := max(r.w.pace.look, min(lookShare*time.Since(began), longestLook))
		if n++; err == nil {
			n = 0
			r.update(ctx, names)
		} else {
			pause = backoff(r.w.pace.retry, r.w.pace.retryMost, n)
		}
		if !sleep(ctx, pause) {
			break
		}
	}
	r.working.Wait()
}

// update begins with the sales that are new, and ends with those that are gone.
func (r *roster) update(ctx context.Context, names []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	listed := make(map[string]bool, len(names))
	for _, name := range names {
		listed[name] = true
		if r.sales[name] == nil {
			r.open(ctx, name)
		}
		if r.w.book != nil && !r.desks[name] {
			r.seat(ctx, r.sales[name])
		}
	}
	for name, s := range r.sales {
		if !listed[name] {
			s.end()
			delete(r.sales, name)
		}
	}
}

// open starts a sale's sweeper.
func (r *roster) open(ctx context.Context, name string) {
	s := &sale{name: name, trouble: newTrouble(r.w.log, "sale "+name), news: newNews()}
	s.life, s.end = context.WithCancel(ctx)
	r.sales[name] = s
	r.working.Go(func() { (&sweeper{w: r.w, sale: s}).run(s.life) })
}

// seat starts a sale's desk. It may outlive its sale; the name's next sale gets one at the first look after that.
func (r *roster) seat(process context.Context, s *sale) {
	r.desks[s.name] = true
	r.working.Go(func() {
		newDesk(r.w, s).run(s.life, process)
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.desks, s.name)
	})
}

// all is the sales served now.
func (r *roster) all() []*sale {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*sale, 0, len(r.sales))
	for _, s := range r.sales {
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
