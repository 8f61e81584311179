package gate

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"spike/luascripts/ledger"
	"spike/order/operators"
)

// Store is the part of a store that the gate uses.
type Store interface {
	Listen(ctx context.Context, l ledger.Listener)
	List(ctx context.Context) ([]string, error)
	Show(ctx context.Context, sale string) (ledger.ShowReply, error)
	Revision(ctx context.Context, sale string) (string, error)
	Expire(ctx context.Context, sale string, most int) (ledger.ExpireReply, error)
	Willing(ctx context.Context) error
}

// How often the gate asks, and how much it keeps.
const (
	callers    = 16                     // calls under way at once
	spacing    = 250 * time.Millisecond // between questions about one sale, however much news comes
	lookIdle   = time.Minute            // between looks at a sale without flag and without news: news may have been lost
	retryFirst = 500 * time.Millisecond // after a failed call; it doubles
	retryMost  = 10 * time.Second
	listEvery  = time.Minute // between lists, for sales made or removed without news
	listShare  = 20          // a list takes at most 1 / listShare of the time
	maxSales   = 100_000     // known sales
	maxFlags   = 16_384      // nginx caches 65,536 names: two for each flag, for two slots
)

// Gate keeps the flags of one directory.
type Gate struct {
	store    Store
	dir      *dir
	log      zerolog.Logger
	saleLog  zerolog.Logger // about single sales; sampled, because many may change at once
	faultLog zerolog.Logger // about faults; sampled too
	wake     chan struct{}  // the queue has changed
	relist   chan struct{}  // the gate listens anew
	pulse    *operators.Pulse

	mu           sync.Mutex
	listening    bool
	sales        map[string]*sale
	queue        queue
	flags        int                 // standing flags
	noneNow      int                 // flags that say none-now
	stale        int                 // sales not asked about since the gate listens
	listed       bool                // the sales were listed since the gate listens
	censusLogged bool                // the number of sales was logged since the gate listens
	why          string              // why it could not listen, last time
	unanswered   map[*sale]time.Time // since when the store has not answered for a sale
	counts       counts
	front        *reading // nginx' own counts; nil: they cannot be read, or nobody looks
}

// Open opens the directory. An error wraps ErrDir.
func Open(path string, store Store, log zerolog.Logger) (*Gate, error) {
	d, err := openDir(path)
	if err != nil {
		return nil, err
	}
	if hidden := d.hidden(); hidden != "" {
		log.Warn().Str("folder", hidden).
			Msg("gate: not everybody may enter; an nginx whose workers may not (started by root they are somebody else) " +
				"sees no flag")
	}
	if who := d.sharedWith(); who != "" {
		log.Warn().Str("gate_dir", path).Str("who", who).
			Msg("gate: others may write there, and can have nginx say \"sold out\"")
	}
	g := &Gate{store: store, dir: d, log: log, saleLog: log.Sample(&zerolog.BurstSampler{Burst: 20, Period: 10 * time.Second}),
		faultLog: log.Sample(&zerolog.BurstSampler{Burst: 5, Period: time.Second}),
		wake:     make(chan struct{}, 1), relist: make(chan struct{}, 1), sales: map[string]*sale{},
		unanswered: map[*sale]time.Time{}}
	g.pulse = operators.NewPulse(g.probe)
	return g, nil
}

// Run keeps the flags until ctx ends, and then removes them all. Meanwhile these goroutines work: one listens, one lists, one
// looks whether all is well, one dispatches calls, and the callers make them. Each ends with ctx.
func (g *Gate) Run(ctx context.Context) error {
	defer g.dir.close()
	var working sync.WaitGroup
	calls := make(chan *sale)
	working.Go(func() {
		g.store.Listen(ctx, ledger.Listener{Begin: g.begin, News: g.hear, End: g.end, Fails: g.listenFailed})
	})
	working.Go(func() { g.list(ctx) })
	working.Go(func() { g.pulse.Watch(ctx, g.log, "flags do not tell what the ledger says", g.Unready) })
	working.Go(func() { g.dispatch(ctx, calls) })
	for range callers {
		working.Go(func() {
			for s := range calls {
				g.call(ctx, s)
			}
		})
	}
	<-ctx.Done()
	g.end() // flags must go before calls that hang have ended
	working.Wait()
	g.end()
	return g.dir.clear()
}

// begin doubts every flag, because news may have been missed.
func (g *Gate) begin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.listening, g.listed, g.censusLogged, g.stale, g.why = true, false, false, len(g.sales), ""
	for _, s := range g.sales {
		g.doubt(s)
		s.fresh = false
		g.soon(s)
	}
	nudge(g.relist)
}

// end opens the gate, because no news of units comes any more.
func (g *Gate) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.listening {
		g.log.Warn().Int("flags", g.flags).Msg("gate: it does not listen any more; all flags go")
	}
	g.listening = false
	for _, s := range g.sales {
		g.doubt(s)
	}
}

// listenFailed notes why the gate cannot listen, at each failure. Until it can, there is no flag.
func (g *Gate) listenFailed(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if why := err.Error(); why != g.why {
		g.why = why
		g.log.Error().Err(err).
			Msg("gate: news cannot be listened to; there are no flags until they can " +
				"(a user of Redis' ACL needs the channels {*_hash_key}:news)")
	}
}

// hear takes news of a sale. Any news removes the sale's flag first.
func (g *Gate) hear(name string, _ ledger.State) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.learn(name); s != nil {
		g.doubt(s)
		g.soon(s)
	}
}

// list looks for sales that were made or removed without news. It does so when the gate listens anew, and every listEvery.
func (g *Gate) list(ctx context.Context) {
	pause := time.NewTimer(listEvery)
	defer pause.Stop()
	for failed := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-g.relist:
		case <-pause.C:
		}
		began := time.Now()
		names, err := g.store.List(ctx)
		if err != nil && ctx.Err() == nil {
			g.log.Warn().Err(err).Msg("gate: the sales cannot be listed; it is tried again")
			failed++
			pause.Reset(backoff(failed))
			continue
		}
		g.look(names)
		failed = 0
		pause.Reset(max(listEvery, listShare*time.Since(began)))
	}
}

// look adds the listed sales. It asks about sales that are not listed, and these are forgotten if they are gone.
func (g *Gate) look(names []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	there := make(map[string]bool, len(names))
	for _, name := range names {
		there[name] = true
		g.learn(name)
	}
	for name, s := range g.sales {
		if !there[name] {
			g.soon(s)
		}
	}
	g.listed = true
	g.logCensus()
}

// learn is the sale of that name, known or new; nil: there are too many.
func (g *Gate) learn(name string) *sale {
	s := g.sales[name]
	if s != nil || len(g.sales) >= maxSales {
		if s == nil {
			g.faultLog.Error().Int("known", maxSales).Msg("gate: there are more sales; edges answer for them")
		}
		return s
	}
	s = newSale(name)
	g.sales[name] = s
	g.stale++
	g.queue.enters(s)
	nudge(g.wake)
	return s
}

// forget removes a sale that is gone. No call for it may be under way.
func (g *Gate) forget(s *sale) {
	g.removeFlag(s)
	delete(g.sales, s.name)
	delete(g.unanswered, s)
}

// soon asks about a sale as soon as spacing allows.
func (g *Gate) soon(s *sale) {
	s.ask = s.asked.Add(spacing)
	g.queue.moved(s)
	nudge(g.wake)
}

// logCensus logs the number of sales and flags, once all sales have been asked about.
func (g *Gate) logCensus() {
	if g.listening && g.listed && !g.censusLogged && g.stale == 0 {
		g.censusLogged = true
		g.log.Info().Msg(fmt.Sprintf("gate: %d sales, %d flags", len(g.sales), g.flags))
	}
}

// nudge wakes the goroutine that waits on c.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// backoff is the pause after the nth failure in a row.
func backoff(n int) time.Duration { return min(retryFirst<<min(n-1, 10), retryMost) }
