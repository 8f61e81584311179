package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"spike/luascripts/ledger"
)

// Store is the part of a store that is looked at.
type Store interface {
	ledger.News
	ledger.Beats
	ledger.Journal
	Audit(ctx context.Context, sale string) (ledger.Audit, error)
	Ping(ctx context.Context) error
}

// Config is what a Looker looks at.
type Config struct {
	Store   Store
	Kind    string // of the store: redis or embedded
	Address string // of the store, without secrets
	Version string
	Bounds  ledger.Bounds
	Latency []float64 // upper bounds of the buckets of latency in beats, ms; nil: not known
	Log     zerolog.Logger
}

// How often is looked, and for how long.
const (
	lookEvery   = 250 * time.Millisecond // with readers
	restEvery   = time.Second            // without
	looksAfter  = 10 * time.Minute       // the last reader
	publishMost = time.Second            // between two looks, though nothing has changed
	firstWait   = 2 * time.Second        // a reader waits so long for its first look
	ReadersMost = 64
)

// Looker gathers what is known while somebody reads, and makes looks of it.
type Looker struct {
	cfg    Config
	wake   chan struct{} // a reader has come
	over   chan struct{} // Run has ended
	newest atomic.Pointer[issue]

	mu      sync.Mutex
	board   *board
	readers int
	looked  map[string]int // sales of readers; "" counts those of no sale
	left    time.Time      // when the last reader left
	awaited uint64         // a reader waits for a look of this round
	rounds  uint64         // begun
	done    uint64         // the newest round that has ended
	told    uint64         // board.changes in the newest issue
}

// issue is a look that was published.
type issue struct {
	at      time.Time
	round   uint64 // what is in it was gathered in this round, or earlier
	look    []byte
	details map[string][]byte // for the sales of readers
	next    chan struct{}     // closed when there is a newer one
}

// NewLooker makes a Looker. It looks while Run runs.
func NewLooker(cfg Config) *Looker {
	l := &Looker{cfg: cfg, wake: make(chan struct{}, 1), over: make(chan struct{}), looked: map[string]int{},
		board: newBoard(time.Now())}
	l.newest.Store(&issue{next: make(chan struct{})})
	return l
}

// Run looks, whenever somebody reads, until ctx ends. All that it has started ends with it.
func (l *Looker) Run(ctx context.Context) {
	defer close(l.over)
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
			l.look(ctx)
		}
	}
}

// look looks until nobody has read for a while.
func (l *Looker) look(ctx context.Context) {
	ctx, end := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer end()
	g := newGatherer(l)
	l.tell(func(b *board) { b.resume(time.Now()) })
	beside.Go(func() { l.cfg.Store.News(ctx, g.hear, g.doubt) })
	beside.Go(func() { l.keepPublishing(ctx) })
	for l.wanted() && ctx.Err() == nil {
		began := time.Now()
		l.begin()
		g.round(ctx)
		l.end(ctx)
		l.pause(ctx, began)
	}
}

// wanted says that somebody reads, or did lately.
func (l *Looker) wanted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.readers > 0 || time.Since(l.left) < looksAfter
}

func (l *Looker) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rounds++
}

// end ends a round, and publishes what it has brought.
func (l *Looker) end(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	l.done = l.rounds
	l.board.tick(time.Now(), l.cfg.Latency)
	l.publish()
}

// pause waits until the next round. A reader that comes makes it shorter.
func (l *Looker) pause(ctx context.Context, began time.Time) {
	l.mu.Lock()
	rests := l.readers == 0
	l.mu.Unlock()
	wait(ctx, nil, time.Until(began.Add(lookEvery)))
	if rests {
		wait(ctx, l.wake, time.Until(began.Add(restEvery)))
	}
}

// wait waits for a time, or until it is woken or ctx ends.
func wait(ctx context.Context, wake <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
	}
}

// keepPublishing publishes a look once a second while a round waits for a silent store.
func (l *Looker) keepPublishing(ctx context.Context) {
	for ctx.Err() == nil {
		wait(ctx, nil, lookEvery)
		l.mu.Lock()
		if time.Since(l.newest.Load().at) >= publishMost {
			l.publish()
		}
		l.mu.Unlock()
	}
}

// publish publishes a look, if somebody reads and there is a reason. The caller has the mutex.
func (l *Looker) publish() {
	now, old := time.Now(), l.newest.Load()
	old1s := now.Sub(old.at) >= publishMost
	waited := old.round < l.awaited && l.done >= l.awaited
	if l.readers == 0 || !old1s && !waited && l.told == l.board.changes {
		return
	}
	text, err := json.Marshal(l.board.look(&l.cfg, now))
	if err != nil {
		l.cfg.Log.Error().Err(err).Msg("dashboard: a look cannot be written")
		return
	}
	is := &issue{at: now, round: l.done, look: text, details: map[string][]byte{}, next: make(chan struct{})}
	for name := range l.looked {
		if d := l.board.detail(name, l.cfg.Bounds, now); d != nil {
			is.details[name], _ = json.Marshal(d)
		}
	}
	l.told = l.board.changes
	l.newest.Store(is)
	close(old.next)
}

// join counts a reader, of a sale or of none (""). It is false if there are too many. Its first look is one that was gathered
// after round after.
func (l *Looker) join(sale string) (after uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.readers >= ReadersMost {
		return 0, false
	}
	l.readers++
	l.looked[sale]++
	l.awaited = l.rounds + 1
	if s := l.board.sales[sale]; s != nil {
		s.active = time.Now()
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return l.rounds, true
}

func (l *Looker) leave(sale string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readers--
	l.left = time.Now()
	if l.looked[sale]--; l.looked[sale] == 0 {
		delete(l.looked, sale)
	}
}

// first waits for a reader's first look. If that takes too long, it is the newest one. It is nil if ctx or the Looker ends.
func (l *Looker) first(ctx context.Context, after uint64) *issue {
	late := time.NewTimer(firstWait)
	defer late.Stop()
	for is := l.newest.Load(); ; is = l.newest.Load() {
		if is.round > after {
			return is
		}
		select {
		case <-is.next:
		case <-late.C:
			return is
		case <-ctx.Done():
			return nil
		case <-l.over:
			return nil
		}
	}
}

// after waits for a look that is newer than is. It is the newest then; nil if ctx or the Looker ends.
func (l *Looker) after(ctx context.Context, is *issue) *issue {
	select {
	case <-is.next:
		return l.newest.Load()
	case <-ctx.Done():
	case <-l.over:
	}
	return nil
}

// text is the look, with the detail of a sale if there is one.
func (i *issue) text(sale string) []byte {
	detail := i.details[sale]
	if detail == nil {
		return i.look
	}
	text := make([]byte, 0, len(i.look)+len(detail)+16)
	text = append(text, i.look[:len(i.look)-1]...)
	text = append(text, `,"detail":`...)
	text = append(text, detail...)
	return append(text, '}')
}

// ErrReaders says that too many read already.
var ErrReaders = errors.New("too many readers")

// Look is one look as JSON, with the detail of a sale if one is named. It was gathered after the call, unless the store is
// silent. It fails with ErrReaders, with ledger.ErrDown if there is no look yet,
// and with ctx.
func (l *Looker) Look(ctx context.Context, sale string) ([]byte, error) {
	after, ok := l.join(sale)
	if !ok {
		return nil, ErrReaders
	}
	defer l.leave(sale)
	is := l.first(ctx, after)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case is == nil || is.look == nil:
		return nil, fmt.Errorf("look: %w", ledger.ErrDown)
	}
	return is.text(sale), nil
}
