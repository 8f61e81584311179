package sales

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"spike/luascripts/ledger"
)

// Limits of snapshots.
const (
	snapEvery = time.Second            // the least time between two looks at a sale; without readers there are none
	snapOld   = 2 * snapEvery          // a reader who finds an older snapshot waits for the look that it starts
	snapWait  = 200 * time.Millisecond // how long that reader waits
	snapStale = time.Minute            // an older snapshot is not shown
	snapMost  = 100                    // looks a second at sales that are shown, and as many at other sales
	snapBurst = 50                     // looks at once
	snapRoom  = 1024                   // with more sales, those with stale snapshots are forgotten
)

// Snapshots show sales to anybody. All readers of a sale share one look at the store a second, and the looks at all sales are
// limited. A reader does no I/O, unless the snapshot is old.
type Snapshots struct {
	sales *Registry

	first, again *rate.Limiter // of looks at sales that are not shown yet, and at shown ones
	looks        *lookup[string, *stock]

	room  sync.RWMutex
	shown map[string]*stock
	swept time.Time
}

// stock is one sale as it is shown.
type stock struct {
	name   string
	newest atomic.Pointer[snapshot]
	tried  atomic.Int64 // when the newest look began, Unix nanoseconds
}

// snapshot is a prepared answer without its age.
type snapshot struct {
	at       time.Time // when the store answered
	head     []byte    // a JSON object up to the age
	revision string    // head is true while the sale has this revision; "": unknown
	times    times
}

// times is a reading of the store's clock, and what the sale does by that clock. All but the first are Unix microseconds.
type times struct {
	read               time.Time // when the clock was read here
	raw, opens, closes int64     // opens, closes: 0: never
}

func timesOf(h ledger.Head) times { return times{time.Now(), h.Raw, h.Opens, h.Closes} }

// Shown is a sale for anybody.
type Shown struct {
	Head          []byte        // a JSON object up to its age in milliseconds; nobody may write to it
	Age           time.Duration //
	Now           int64         // the store's clock, Unix microseconds
	Opens, Closes int64         // by that clock; 0: it is open from the first; it never closes
}

func (s *snapshot) shown(now time.Time) Shown {
	return Shown{s.head, s.age(now), s.times.raw + now.Sub(s.times.read).Microseconds(), s.times.opens, s.times.closes}
}

func (s *snapshot) age(now time.Time) time.Duration { return max(now.Sub(s.at), 0) }

// NewSnapshots shows the sales that the registry allows.
func NewSnapshots(sales *Registry) *Snapshots {
	s := &Snapshots{sales: sales, first: rate.NewLimiter(snapMost, snapBurst),
		again: rate.NewLimiter(snapMost, snapBurst), shown: map[string]*stock{}}
	s.looks = newLookup(&lookup[string, *stock]{Life: sales.life, First: s.turn, Ask: s.begin, Keep: s.keep, Lasts: refusedLasts,
		Known: func(name string) (*stock, bool) { return s.fresh([]byte(name), time.Now()) }})
	return s
}

// Show is the sale. The name may be a buffer that is used again. Show does not allocate.
func (s *Snapshots) Show(name []byte) (out Shown, err error) {
	now := time.Now()
	st, shown := s.fresh(name, now)
	if !shown {
		if err = s.sales.Allows(string(name)); err == nil {
			st, err = s.looks.Find(string(name))
		}
		if err != nil {
			return Shown{}, err
		}
		now = time.Now()
	} else if now.UnixNano()-st.tried.Load() >= int64(snapEvery) {
		s.renew(st, now)
		now = time.Now()
	}
	return st.newest.Load().shown(now), nil
}

// renew starts a look for a new snapshot, unless one has just begun or there are too many. Only the reader who starts it waits
// for it, and only if the present snapshot is old.
func (s *Snapshots) renew(st *stock, now time.Time) {
	was := st.tried.Load()
	if !st.tried.CompareAndSwap(was, now.UnixNano()) {
		return
	}
	if !s.again.AllowN(now, 1) {
		st.tried.Store(was)
		return
	}
	done := make(chan struct{})
	if !s.sales.Running.Start(func() {
		defer close(done)
		s.refresh(st)
	}) || st.newest.Load().age(now) < snapOld {
		return
	}
	select {
	case <-done:
	case <-time.After(snapWait):
	}
}

// fresh finds a sale whose snapshot may be shown.
func (s *Snapshots) fresh(name []byte, now time.Time) (*stock, bool) {
	s.room.RLock()
	defer s.room.RUnlock()
	st := s.shown[string(name)]
	return st, st != nil && st.newest.Load().age(now) <= snapStale
}

// keep shows a sale from now on. With too many sales, it forgets those with stale snapshots.
func (s *Snapshots) keep(name string, st *stock) {
	s.room.Lock()
	defer s.room.Unlock()
	s.shown[name] = st
	if now := time.Now(); len(s.shown) > snapRoom && now.Sub(s.swept) > snapStale/4 {
		s.swept = now
		maps.DeleteFunc(s.shown, func(_ string, old *stock) bool { return old.newest.Load().age(now) > snapStale })
	}
}

// drop ends showing a sale.
func (s *Snapshots) drop(st *stock) {
	s.room.Lock()
	defer s.room.Unlock()
	if s.shown[st.name] == st {
		delete(s.shown, st.name)
	}
}

// turn waits until the store may be asked for another sale.
func (s *Snapshots) turn(string) (none *stock, known bool, err error) {
	ctx, cancel := context.WithTimeout(s.sales.life, lookWait)
	defer cancel()
	if s.first.Wait(ctx) != nil {
		err = ErrBusy
	}
	return nil, false, err
}

// begin takes a sale's first snapshot.
func (s *Snapshots) begin(name string) (*stock, error) {
	st := &stock{name: name}
	st.tried.Store(time.Now().UnixNano())
	shown, err := s.sales.cfg.Store.Show(s.sales.life, name)
	if err != nil {
		return nil, err
	}
	st.newest.Store(&snapshot{at: time.Now(), head: stockHead(name, shown), times: timesOf(shown.Head)})
	return st, nil
}

// refresh takes a snapshot. If nothing was written since the last one, that one counts as new, and no script runs. While the
// store does not answer, the last snapshot stays.
func (s *Snapshots) refresh(st *stock) {
	old := st.newest.Load()
	revision, err := s.sales.cfg.Store.Revision(s.sales.life, st.name)
	if err == nil && old.revision != "" && revision == old.revision {
		st.newest.Store(&snapshot{time.Now(), old.head, old.revision, old.times})
		return
	}
	var shown ledger.ShowReply
	if err == nil {
		shown, err = s.sales.cfg.Store.Show(s.sales.life, st.name)
	}
	if _, refused := errors.AsType[*ledger.Refusal](err); refused {
		s.drop(st)
	}
	if err == nil {
		if passes(shown.Head) {
			revision = ""
		}
		st.newest.Store(&snapshot{time.Now(), stockHead(st.name, shown), revision, timesOf(shown.Head)})
	}
}

// passes says that the stock may change by the passing of time alone, without a write.
func passes(h ledger.Head) bool { return h.Opens > h.Raw || h.Closes > 0 || h.Lots.Window > 0 }

// stockJSON is a sale as the crowd may see it.
type stockJSON struct {
	Sale      string     `json:"sale"`
	State     string     `json:"state"` // doors, or sold_out
	Doors     string     `json:"doors"` // open, paused, closed, not_open or drawing
	Total     uint64     `json:"total"`
	Remaining uint64     `json:"remaining"` // units without an owner, which may be bought now or later
	Hold      int64      `json:"hold_seconds"`
	Limit     uint64     `json:"limit_per_buyer,omitempty"`
	Opens     *time.Time `json:"opens,omitempty"`
	Closes    *time.Time `json:"closes,omitempty"`
	OpensAt   *time.Time `json:"opens_at,omitempty"`  // Opens, by the name that the operators' side has, too
	ClosesAt  *time.Time `json:"closes_at,omitempty"` // and Closes
	Lots      *Lots      `json:"lots,omitempty"`
}

// stockState is the state of a sale for buyers. A sale may be "open" with nothing remaining, because held units may come back.
func stockState(h ledger.Head) string {
	if h.State == ledger.Open && h.Final() {
		return "sold_out"
	}
	return h.State.Word()
}

// stockHead is the answer up to its age.
func stockHead(sale string, r ledger.ShowReply) []byte {
	h := r.Head
	opens, closes := UnixTime(h.Opens), UnixTime(h.Closes)
	body, _ := json.Marshal(stockJSON{Sale: sale, State: stockState(h), Doors: h.State.Word(), Total: h.Total,
		Remaining: h.Total - min(h.Owned(), h.Total), Hold: h.Hold / 1e6, Limit: h.Limit,
		Opens: opens, Closes: closes, OpensAt: opens, ClosesAt: closes,
		Lots: LotsOf(r)}) // strings, numbers, and times that JSON can say: cannot fail
	return append(body[:len(body)-1], `,"age_ms":`...)
}

// UnixTime is a time of the store's clock, in Unix microseconds. It is nil for 0, and for a time that JSON cannot say.
func UnixTime(us int64) *time.Time {
	t := time.UnixMicro(us).UTC()
	if us == 0 || t.Year() > 9999 {
		return nil
	}
	return &t
}

// Lots is a sale's draw, as its readers see it.
type Lots struct {
	Window   string    `json:"window"` // its length, from the opening on
	DrawsAt  time.Time `json:"draws_at"`
	Drawn    bool      `json:"drawn"`
	Entrants uint64    `json:"entrants,omitempty"` // known after the draw, like the numbers that follow
	Winners  uint64    `json:"winners,omitempty"`
	Kept     uint64    `json:"kept,omitempty"` // units for winners who have not collected
	Seal     string    `json:"seed_sha256"`
	Seed     string    `json:"seed,omitempty"`
}

// LotsOf is a sale's draw, or nil.
func LotsOf(r ledger.ShowReply) *Lots {
	l := r.Lots
	if l.Window == 0 || r.Secret.Seal == "" { // the reply to an operator's change has no seal
		return nil
	}
	return &Lots{Window: (time.Duration(l.Window) * time.Microsecond).String(), DrawsAt: time.UnixMicro(r.DrawsAt()).UTC(),
		Drawn: l.Drawn > 0, Entrants: l.Entrants, Winners: l.Winners, Kept: l.Kept, Seal: r.Secret.Seal, Seed: r.Secret.Seed}
}
