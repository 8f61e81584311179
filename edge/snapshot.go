package edge

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
	snapEvery = 250 * time.Millisecond // a snapshot is taken so often
	snapIdle  = 5 * time.Second        // and no more once nobody has asked for so long
	snapStale = time.Minute            // an older one is not shown
)

// snapshots show sales to the crowd: one call to the store for all who ask within a quarter of a second. Reading one
// takes no lock and no I/O, but for the first reader.
type snapshots struct {
	life    context.Context
	store   luascripts.Store
	sells   func(sale string) bool
	running *crew // has the refreshers; they end with life

	shown   atomic.Pointer[map[string]*stock]
	places  chan struct{} // for those who ask the store first
	mu      sync.Mutex
	looking map[string]*firstLook
	missing map[string]miss
	past    map[string]*stock // not refreshed any more, but not too old yet either
}

// stock is one sale as it is shown.
type stock struct {
	name   string
	newest atomic.Pointer[snapshot]
	read   atomic.Bool // since the refresher looked last
}

// snapshot is a prepared answer, but for its age.
type snapshot struct {
	at   time.Time // when the store answered
	head []byte    // a JSON object up to the age
}

func (s *snapshot) age(now time.Time) time.Duration { return max(now.Sub(s.at), 0) }

// firstLook is what the first readers of a sale wait for.
type firstLook struct {
	done  chan struct{}
	stock *stock
	err   error
}

func newSnapshots(life context.Context, store luascripts.Store, sales *Sales) *snapshots {
	s := &snapshots{life: life, store: store, sells: sales.cfg.sells, running: &sales.running,
		places: make(chan struct{}, maxLookups), looking: map[string]*firstLook{}, missing: map[string]miss{},
		past: map[string]*stock{}}
	s.shown.Store(&map[string]*stock{})
	return s
}

// show is GET /v1/sales/{sale}. The name may be a buffer that is used again.
func (s *snapshots) show(ctx *fasthttp.RequestCtx, name []byte) {
	if !ctx.IsGet() && !ctx.IsHead() {
		notAllowed(ctx, "GET, HEAD")
		return
	}
	st := (*s.shown.Load())[string(name)]
	if st == nil {
		var err error
		if st, err = s.first(string(name)); err != nil {
			s.none(ctx, err)
			return
		}
	}
	if !st.send(ctx, time.Now()) {
		s.none(ctx, luascripts.ErrDown)
	}
}

// send writes the newest snapshot, unless it is too old. It does not allocate once fasthttp's buffers are warm.
func (st *stock) send(ctx *fasthttp.RequestCtx, now time.Time) bool {
	if !st.read.Load() {
		st.read.Store(true)
	}
	snap := st.newest.Load()
	age := snap.age(now)
	if age > snapStale {
		return false
	}
	var room [20]byte
	ctx.Response.Header.SetContentTypeBytes(jsonType)
	ctx.Response.Header.SetCanonical(ageHeader, strconv.AppendInt(room[:0], int64(age/time.Second), 10))
	ctx.Response.AppendBody(snap.head)
	ctx.Response.AppendBody(append(strconv.AppendInt(room[:0], age.Milliseconds(), 10), '}'))
	return true
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

// first takes the first snapshot of a sale; those who ask for the same one share it.
func (s *snapshots) first(name string) (*stock, error) {
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
	if st := (*s.shown.Load())[name]; st != nil {
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
	if l.stock != nil && s.life.Err() == nil {
		s.publish(func(m map[string]*stock) { m[name] = l.stock })
		s.running.start(func() { s.keep(l.stock) })
	}
	close(l.done)
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

// publish changes what is shown. Under mu.
func (s *snapshots) publish(change func(map[string]*stock)) {
	next := maps.Clone(*s.shown.Load())
	change(next)
	s.shown.Store(&next)
}

// begin asks the store from one of the few places there are.
func (s *snapshots) begin(name string) (*stock, error) {
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	case <-time.After(lookWait):
		return nil, errBusy
	case <-s.life.Done():
		return nil, s.life.Err()
	}
	st := s.again(name)
	err := s.refresh(st)
	var refusal *luascripts.Refusal
	if err != nil && (errors.As(err, &refusal) || st.newest.Load() == nil) {
		return nil, err
	}
	return st, nil
}

// again is the sale as it was shown last, if that was not long ago: it is better than nothing if the store is silent.
func (s *snapshots) again(name string) *stock {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.past[name]
	delete(s.past, name)
	if st == nil || st.newest.Load().age(time.Now()) > snapStale {
		return &stock{name: name}
	}
	return st
}

// refresh takes a snapshot.
func (s *snapshots) refresh(st *stock) error {
	shown, err := s.store.Show(s.life, st.name)
	if err == nil {
		st.newest.Store(&snapshot{at: time.Now(), head: stockHead(st.name, shown)})
	}
	return err
}

// keep refreshes until nobody asks any more, the sale is gone or the edge stops. While the store does not answer, what
// it said last grows old.
func (s *snapshots) keep(st *stock) {
	clock := time.NewTicker(snapEvery)
	defer clock.Stop()
	var refusal *luascripts.Refusal
	for asked := time.Now(); time.Since(asked) < snapIdle; {
		select {
		case <-clock.C:
		case <-s.life.Done():
			return
		}
		if st.read.Swap(false) {
			asked = time.Now()
		}
		if errors.As(s.refresh(st), &refusal) {
			s.drop(st, false)
			return
		}
	}
	s.drop(st, true)
}

// drop ends showing a sale; what was shown may be good enough for a while.
func (s *snapshots) drop(st *stock, good bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.publish(func(m map[string]*stock) { delete(m, st.name) })
	now := time.Now()
	maps.DeleteFunc(s.past, func(_ string, old *stock) bool { return old.newest.Load().age(now) > snapStale })
	if good {
		s.past[st.name] = st
	}
}

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
