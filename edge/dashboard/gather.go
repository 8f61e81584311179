package dashboard

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"spike/luascripts/ledger"
)

// How often the store is asked for what.
const (
	listEvery    = time.Minute
	beatsEvery   = 450 * time.Millisecond // beats come once a second
	holdersEvery = 900 * time.Millisecond
	journalEvery = 2 * time.Second
	risksEvery   = time.Minute
	callsAtOnce  = 16
)

// gatherer asks the store, in rounds. A round has one question of each kind that is due.
type gatherer struct {
	l       *Looker
	store   Store
	mu      sync.Mutex
	doubted bool // news may have been lost: the sales are listed again
	list    due
	beats   due
	holders due
	journal due
	risks   due
}

// due is when something was asked for.
type due struct{ asked time.Time }

// now says that it is due, and notes that it is asked for.
func (d *due) now(every time.Duration) bool {
	if time.Since(d.asked) < every {
		return false
	}
	d.asked = time.Now()
	return true
}

func newGatherer(l *Looker) *gatherer { return &gatherer{l: l, store: l.cfg.Store} }

// hear takes news of a sale.
func (g *gatherer) hear(sale string, _ ledger.State) {
	g.l.tell(func(b *board) { b.news(sale, time.Now()) })
}

// doubt is that news may have been lost.
func (g *gatherer) doubt() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.doubted = true
}

// listDue says that the sales are to be listed.
func (g *gatherer) listDue() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.doubted {
		g.list, g.doubted = due{}, false
	}
	return g.list.now(listEvery)
}

// tell changes the board.
func (l *Looker) tell(f func(*board)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l.board)
}

// round asks what is due. If the store does not answer the first question, there is no other.
func (g *gatherer) round(ctx context.Context) {
	if !g.ping(ctx) {
		return
	}
	if g.listDue() {
		names, err := g.store.List(ctx)
		if err != nil {
			g.list = due{}
		} else {
			g.l.tell(func(b *board) { b.listed(names) })
		}
	}
	if g.beats.now(beatsEvery) {
		g.readBeats(ctx)
	}
	g.show(ctx)
	if g.holders.now(holdersEvery) {
		g.readHolders(ctx)
	}
	if g.journal.now(journalEvery) {
		if entries, err := g.store.Entries(ctx, "", entriesMost); err == nil {
			g.l.tell(func(b *board) { b.noted(entries) })
		}
	}
	if namer, has := g.store.(interface {
		Risks(context.Context) []string
	}); has && g.risks.now(risksEvery) {
		risks := namer.Risks(ctx)
		g.l.tell(func(b *board) { b.store.risks = risks })
	}
}

// ping asks whether the store answers, and how fast.
func (g *gatherer) ping(ctx context.Context) bool {
	asked := time.Now()
	err := g.store.Ping(ctx)
	took := time.Since(asked)
	if ctx.Err() != nil {
		return false
	}
	g.l.tell(func(b *board) { b.pinged(err, took, time.Now()) })
	return err == nil
}

func (g *gatherer) readBeats(ctx context.Context) {
	all, err := g.store.Beats(ctx)
	g.l.tell(func(b *board) {
		if err != nil {
			b.store.blind = err
			return
		}
		b.took(all, time.Now())
	})
}

// show asks about the sales that are due, a few at a time.
func (g *gatherer) show(ctx context.Context) {
	var all []question
	g.l.tell(func(b *board) {
		for name := range g.l.looked {
			if s := b.sales[name]; s != nil {
				s.active = time.Now()
			}
		}
		all = b.due(time.Now())
	})
	var few errgroup.Group
	few.SetLimit(callsAtOnce)
	for _, q := range all {
		few.Go(func() error {
			a := g.ask(ctx, q)
			if ctx.Err() == nil {
				g.l.tell(func(b *board) { b.answered(a) })
			}
			return nil
		})
	}
	_ = few.Wait() // nothing fails
}

// ask looks whether anything was written. Only then it asks for the state of the sale.
func (g *gatherer) ask(ctx context.Context, q question) answer {
	a := answer{question: q, asked: time.Now()}
	if a.now, a.err = g.store.Revision(ctx, q.sale); a.err != nil && !errors.Is(a.err, ledger.ErrNoSale) {
		return a
	}
	if a.same = a.err == nil && q.revision != "" && a.now == q.revision; !a.same {
		a.shown, a.err = g.store.Show(ctx, q.sale)
	}
	return a
}

// readHolders asks who holds units.
func (g *gatherer) readHolders(ctx context.Context) {
	var names []string
	g.l.tell(func(b *board) { names = b.wantHolders(g.l.looked, time.Now()) })
	var few errgroup.Group
	few.SetLimit(callsAtOnce)
	for _, name := range names {
		few.Go(func() error {
			asked := time.Now()
			if h, err := g.store.Holders(ctx, name); err == nil {
				g.l.tell(func(b *board) { b.holds(name, h, asked) })
			}
			return nil
		})
	}
	_ = few.Wait() // nothing fails
}
