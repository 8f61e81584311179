package oracle

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"spike/luascripts"
)

// How the stock is shown to whoever asks.
const (
	snapEvery = time.Second            // a sale is looked at so often, and only when somebody reads
	snapOld   = 2 * snapEvery          // who finds an older snapshot, and makes a look, waits for it
	snapWait  = 200 * time.Millisecond // and so long
	snapStale = time.Minute            // an older one is not shown
	snapMost  = 100                    // a second: looks at sales shown already, and as many at others
	snapBurst = 50                     // of them at once
	snapRoom  = 1024                   // of so many sales those that are too old to be shown are forgotten
)

// snapshots show sales to the crowd: one look at the store a second for all who read a sale in it, a bounded number for all
// who read any sales. Reading one takes no I/O, but for the first reader of a while.
type snapshots struct {
	life    context.Context
	store   luascripts.Store
	sells   func(sale string) bool
	running *crew // has the looks; they end with life

	first, again *pacer        // of looks
	places       chan struct{} // for those who ask the store first

	room    sync.RWMutex
	shown   map[string]*stock
	swept   time.Time
	mu      sync.Mutex
	looking map[string]*firstLook
	missing map[string]miss
}

// stock is one sale as it is shown.
type stock struct {
	name   string
	newest atomic.Pointer[snapshot]
	tried  atomic.Int64 // when a look began, Unix nanoseconds
}

// snapshot is a prepared answer, but for its age.
type snapshot struct {
	at   time.Time // when the store answered
	head []byte    // a JSON object up to the age
	mark string    // while the sale has it, head is true; "": who knows
}

func (s *snapshot) age(now time.Time) time.Duration { return max(now.Sub(s.at), 0) }

// firstLook is what the first readers of a sale wait for.
type firstLook struct {
	done  chan struct{}
	stock *stock
	err   error
}

func newSnapshots(life context.Context, store luascripts.Store, sales *Sales) *snapshots {
	return &snapshots{life: life, store: store, sells: sales.cfg.sells, running: &sales.running,
		first: newPacer(snapMost, snapBurst), again: newPacer(snapMost, snapBurst),
		places: make(chan struct{}, maxLookups), shown: map[string]*stock{}, looking: map[string]*firstLook{},
		missing: map[string]miss{}}
}

// show is GET /v1/sales/{sale}. The name may be a buffer that is used again.
func (s *snapshots) show(ctx *fasthttp.RequestCtx, name []byte) {
	if !ctx.IsGet() && !ctx.IsHead() {
		notAllowed(ctx, "GET, HEAD")
		return
	}
	now := time.Now()
	s.room.RLock()
	st := s.shown[string(name)]
	s.room.RUnlock()
	if st == nil || st.newest.Load().age(now) > snapStale {
		var err error
		if st, err = s.firstOf(string(name)); err != nil {
			s.none(ctx, err)
			return
		}
		now = time.Now()
	} else if now.UnixNano()-st.tried.Load() >= int64(snapEvery) {
		s.renew(st, now)
		now = time.Now()
	}
	st.send(ctx, now)
}

// renew takes a new snapshot, unless somebody does already or too many are being taken. Readers do not wait for it, but the
// one who finds an old one.
func (s *snapshots) renew(st *stock, now time.Time) {
	was := st.tried.Load()
	if !st.tried.CompareAndSwap(was, now.UnixNano()) {
		return
	}
	if _, ok := s.again.take(now, 0); !ok {
		st.tried.Store(was)
		return
	}
	done := make(chan struct{})
	if !s.running.start(func() {
		defer close(done)
		s.refresh(st)
	}) || st.newest.Load().age(now) < snapOld {
		return
	}
	wait := time.NewTimer(snapWait)
	defer wait.Stop()
	select {
	case <-done:
	case <-wait.C:
	}
}

// send writes the newest snapshot. It does not allocate once fasthttp's buffers are warm.
func (st *stock) send(ctx *fasthttp.RequestCtx, now time.Time) {
	snap := st.newest.Load()
	age := snap.age(now)
	var room [20]byte
	ctx.Response.Header.SetContentTypeBytes(jsonType)
	ctx.Response.Header.SetCanonical(ageHeader, strconv.AppendInt(room[:0], int64(age/time.Second), 10))
	ctx.Response.AppendBody(snap.head)
	ctx.Response.AppendBody(append(strconv.AppendInt(room[:0], age.Milliseconds(), 10), '}'))
}

var ageHeader = []byte(fasthttp.HeaderAge)

// none says why there is no snapshot.
func (s *snapshots) none(ctx *fasthttp.RequestCtx, err error) {
	var refusal *luascripts.Refusal
	switch {
	case errors.Is(err, luascripts.ErrNoSale), errors.Is(err, luascripts.ErrName):
		problem(ctx, fasthttp.StatusNotFound, "no_such_sale", "there is no such sale")
	case errors.As(err, &refusal):
		problem(ctx, fasthttp.StatusConflict, "sale_refused", refusal.Why)
	default:
		sorry(err).send(ctx)
	}
}

// firstOf takes the first snapshot of a sale; those who ask for the same one share it.
func (s *snapshots) firstOf(name string) (*stock, error) {
	if err := luascripts.CheckName(name); err != nil {
		return nil, err
	}
	if !s.sells(name) {
		return nil, luascripts.ErrNoSale
	}
	l, mine := s.join(name)
	if mine {
		l.stock, l.err = s.begin(name)
		s.leave(name, l)
	}
	select {
	case <-l.done:
		return l.stock, l.err
	case <-s.life.Done():
		return nil, s.life.Err()
	}
}

// ended is a look that needs no waiting for.
func ended(st *stock, err error) *firstLook {
	l := &firstLook{done: make(chan struct{}), stock: st, err: err}
	close(l.done)
	return l
}

// join finds out what is known of a name, or who is looking; mine: nobody, so the caller must.
func (s *snapshots) join(name string) (l *firstLook, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room.RLock()
	st := s.shown[name]
	s.room.RUnlock()
	if st != nil && st.newest.Load().age(time.Now()) <= snapStale {
		return ended(st, nil), false
	}
	if l = s.looking[name]; l != nil {
		return l, false
	}
	if m, ok := s.missing[name]; ok && time.Now().Before(m.until) {
		return ended(nil, m.err), false
	}
	l = &firstLook{done: make(chan struct{})}
	s.looking[name] = l
	return l, true
}

func (s *snapshots) leave(name string, l *firstLook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.looking, name)
	s.remember(name, l.err)
	if l.stock != nil {
		s.keep(l.stock)
	}
	close(l.done)
}

// keep shows a sale from now on, and forgets what is too old to be shown.
func (s *snapshots) keep(st *stock) {
	s.room.Lock()
	defer s.room.Unlock()
	s.shown[st.name] = st
	if now := time.Now(); len(s.shown) > snapRoom && now.Sub(s.swept) > snapStale/4 {
		s.swept = now
		maps.DeleteFunc(s.shown, func(_ string, old *stock) bool { return old.newest.Load().age(now) > snapStale })
	}
}

// drop ends showing a sale.
func (s *snapshots) drop(st *stock) {
	s.room.Lock()
	defer s.room.Unlock()
	if s.shown[st.name] == st {
		delete(s.shown, st.name)
	}
}

// remember notes for a moment that the store knows no such sale, or refuses to show it. Under mu.
func (s *snapshots) remember(name string, err error) {
	var refusal *luascripts.Refusal
	if !errors.As(err, &refusal) {
		return
	}
	if len(s.missing) >= maxMissing {
		clear(s.missing)
	}
	s.missing[name] = miss{err, time.Now().Add(missFor)}
}

// begin asks the store, at its turn, from one of the few places there are.
func (s *snapshots) begin(name string) (*stock, error) {
	now := time.Now()
	turn, ok := s.first.take(now, lookWait)
	if !ok {
		return nil, errBusy
	}
	wait := time.NewTimer(turn)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-s.life.Done():
		return nil, s.life.Err()
	}
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	case <-time.After(lookWait):
		return nil, errBusy
	case <-s.life.Done():
		return nil, s.life.Err()
	}
	st := &stock{name: name}
	st.tried.Store(time.Now().UnixNano())
	shown, err := s.store.Show(s.life, name)
	if err != nil {
		return nil, err
	}
	st.newest.Store(&snapshot{at: time.Now(), head: stockHead(name, shown)})
	return st, nil
}

// refresh takes a snapshot. Where nothing was written since the last, that one is new again: no script is run for it. While
// the store does not answer, what it said last grows old.
func (s *snapshots) refresh(st *stock) {
	old := st.newest.Load()
	mark, err := s.store.Glance(s.life, st.name)
	if err == nil && old.mark != "" && mark == old.mark {
		st.newest.Store(&snapshot{time.Now(), old.head, old.mark})
		return
	}
	var shown luascripts.ShowReply
	if err == nil {
		shown, err = s.store.Show(s.life, st.name)
	}
	var refusal *luascripts.Refusal
	switch {
	case errors.As(err, &refusal):
		s.drop(st)
	case err == nil:
		if passes(shown.Head) {
			mark = ""
		}
		st.newest.Store(&snapshot{time.Now(), stockHead(st.name, shown), mark})
	}
}

// passes says that time alone makes a sale's stock another.
func passes(h luascripts.Head) bool { return h.Opens > h.Raw || h.Closes > 0 || h.Lots.Window > 0 }

// Stock is a sale as the crowd may see it.
type Stock struct {
	Sale      string     `json:"sale"`
	State     string     `json:"state"` // open, paused, closed, not_open, drawing or sold_out
	Total     uint64     `json:"total"`
	Remaining uint64     `json:"remaining"` // owned by nobody: may be bought now or later
	Hold      int64      `json:"hold_seconds"`
	Limit     uint64     `json:"limit_per_buyer,omitempty"`
	Opens     *time.Time `json:"opens,omitempty"`
	Closes    *time.Time `json:"closes,omitempty"`
	Lots      *Lots      `json:"lots,omitempty"`
}

func stockOf(sale string, r luascripts.ShowReply) Stock {
	h := r.Head
	return Stock{Sale: sale, State: stockState(h), Total: h.Total, Remaining: h.Total - min(h.Owned(), h.Total),
		Hold: h.Hold / 1e6, Limit: h.Limit, Opens: unixTime(h.Opens), Closes: unixTime(h.Closes), Lots: lotsOf(r)}
}

// stockState is what a buy would hear, in one word; "open" with nothing remaining: held units may come back.
func stockState(h luascripts.Head) string {
	switch {
	case h.State == luascripts.Unopened:
		return "not_open"
	case h.State == luascripts.Open && h.Final():
		return "sold_out"
	}
	return h.State.String()
}

// stockHead is the answer up to its age.
func stockHead(sale string, r luascripts.ShowReply) []byte {
	body, _ := json.Marshal(stockOf(sale, r)) // strings, numbers and times of our days: cannot fail
	return append(body[:len(body)-1], `,"age_ms":`...)
}

// unixTime is a time of the store's; nil for none, or for one that JSON cannot say.
func unixTime(us int64) *time.Time {
	t := time.UnixMicro(us).UTC()
	if us == 0 || t.Year() > 9999 {
		return nil
	}
	return &t
}
