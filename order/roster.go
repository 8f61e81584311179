package order

import (
	"context"
	"sync"
	"time"
)

// roster has the sales that are worked on: those the store lists.
type roster struct {
	w       *Worker
	working sync.WaitGroup

	mu    sync.Mutex
	sales map[string]*sale
}

// sale is one sale as this worker serves it.
type sale struct {
	name    string
	end     context.CancelFunc // it is not listed any more
	trouble *trouble

	mu      sync.Mutex
	figures figures
}

func newRoster(w *Worker) *roster { return &roster{w: w, sales: map[string]*sale{}} }

// run looks at the store's list until ctx ends, and returns when nobody works any more.
func (r *roster) run(ctx context.Context) {
	for n := 0; ; {
		names, err := r.w.store.List(ctx)
		if ctx.Err() != nil {
			break
		}
		r.w.storeTrouble.note(err)
		pause := r.w.pace.look
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
	}
	for name, s := range r.sales {
		if !listed[name] {
			s.end()
		}
	}
}

// open starts a sale's desk and sweeper. A sale that is gone stays here while its desk has a batch in hand; if the name
// comes back meanwhile, it is opened again after that.
func (r *roster) open(ctx context.Context, name string) {
	life, end := context.WithCancel(ctx)
	s := &sale{name: name, end: end, trouble: newTrouble(r.w.log, "sale "+name)}
	r.sales[name] = s
	var both sync.WaitGroup
	both.Go(func() { (&sweeper{w: r.w, sale: s}).run(life) })
	if r.w.book != nil {
		both.Go(func() { newDesk(r.w, s).run(life, ctx) })
	}
	r.working.Go(func() {
		both.Wait()
		end()
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.sales, name)
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
