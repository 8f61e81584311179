package sales

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"spike/luascripts/ledger"
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

// Snapshots show sales to the crowd: one look at the store a second for all who read a sale in it, a bounded number for all
// who read any sales. Reading one takes no I/O, but for the first reader of a while.
type Snapshots struct {
	life  context.Context
	store Store
	sales *Registry

	first, again *pacer // of looks
	looks        *lookup[string, *stock]

	room  sync.RWMutex
	shown map[string]*stock
	swept time.Time
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

// NewSnapshots shows the sales that the registry may have.
func NewSnapshots(sales *Registry) *Snapshots {
	s := &Snapshots{life: sales.life, store: sales.cfg.Store, sales: sales, first: newPacer(snapMost, snapBurst),
		again: newPacer(snapMost, snapBurst), shown: map[string]*stock{}}
	s.looks = newLookup(&lookup[string, *stock]{Life: s.life, Known: s.fresh, First: s.turn, Ask: s.begin, Keep: s.keep, Lasts: refusedLasts})
	return s
}

// Show is the sale as a JSON object up to its age in milliseconds, and that age. The name may be a buffer that is used again; nobody
// may write to head. It does not allocate.
func (s *Snapshots) Show(name []byte) (head []byte, age time.Duration, err error) {
	now := time.Now()
	s.room.RLock()
	st := s.shown[string(name)]
	s.room.RUnlock()
	if st == nil || st.newest.Load().age(now) > snapStale {
		if err = s.sales.Allows(string(name)); err == nil {
			st, err = s.looks.Find(string(name))
		}
		if err != nil {
			return nil, 0, err
		}
		now = time.Now()
	} else if now.UnixNano()-st.tried.Load() >= int64(snapEvery) {
		s.renew(st, now)
		now = time.Now()
	}
	snap := st.newest.Load()
	return snap.head, snap.age(now), nil
}

// renew takes a new snapshot, unless somebody does already or too many are being taken. Readers do not wait for it, but the
// one who finds an old one.
func (s *Snapshots) renew(st *stock, now time.Time) {
	was := st.tried.Load()
	if !st.tried.CompareAndSwap(was, now.UnixNano()) {
		return
	}
	if _, ok := s.again.take(now, 0); !ok {
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
	wait := time.NewTimer(snapWait)
	defer wait.Stop()
	select {
	case <-done:
	case <-wait.C:
	}
}

// fresh is a sale that is shown, and may be.
func (s *Snapshots) fresh(name string) (*stock, bool) {
	s.room.RLock()
	st := s.shown[name]
	s.room.RUnlock()
	return st, st != nil && st.newest.Load().age(time.Now()) <= snapStale
}

// keep shows a sale from now on, and forgets what is too old to be shown.
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

// turn waits until the store may be asked for one more sale.
func (s *Snapshots) turn(string) (none *stock, known bool, err error) {
	turn, ok := s.first.take(time.Now(), lookWait)
	if !ok {
		return nil, false, ErrBusy
	}
	wait := time.NewTimer(turn)
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil, false, nil
	case <-s.life.Done():
		return nil, false, s.life.Err()
	}
}

// begin asks the store.
func (s *Snapshots) begin(name string) (*stock, error) {
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
func (s *Snapshots) refresh(st *stock) {
	old := st.newest.Load()
	mark, err := s.store.Revision(s.life, st.name)
	if err == nil && old.mark != "" && mark == old.mark {
		st.newest.Store(&snapshot{time.Now(), old.head, old.mark})
		return
	}
	var shown ledger.ShowReply
	if err == nil {
		shown, err = s.store.Show(s.life, st.name)
	}
	var refusal *ledger.Refusal
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
func passes(h ledger.Head) bool { return h.Opens > h.Raw || h.Closes > 0 || h.Lots.Window > 0 }

// stockJSON is a sale as the crowd may see it.
type stockJSON struct {
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

func stockOf(sale string, r ledger.ShowReply) stockJSON {
	h := r.Head
	return stockJSON{Sale: sale, State: stockState(h), Total: h.Total, Remaining: h.Total - min(h.Owned(), h.Total),
		Hold: h.Hold / 1e6, Limit: h.Limit, Opens: UnixTime(h.Opens), Closes: UnixTime(h.Closes), Lots: LotsOf(r)}
}

// stockState is what a buy would hear, in one word; "open" with nothing remaining: held units may come back.
func stockState(h ledger.Head) string {
	switch {
	case h.State == ledger.Unopened:
		return "not_open"
	case h.State == ledger.Open && h.Final():
		return "sold_out"
	}
	return h.State.String()
}

// stockHead is the answer up to its age.
func stockHead(sale string, r ledger.ShowReply) []byte {
	body, _ := json.Marshal(stockOf(sale, r)) // strings, numbers and times of our days: cannot fail
	return append(body[:len(body)-1], `,"age_ms":`...)
}

// UnixTime is a time of the store's; nil for none, or for one that JSON cannot say.
func UnixTime(us int64) *time.Time {
	t := time.UnixMicro(us).UTC()
	if us == 0 || t.Year() > 9999 {
		return nil
	}
	return &t
}

// Lots are a sale's draw for people and programs outside.
type Lots struct {
	Window   string    `json:"window"` // from the opening on
	DrawsAt  time.Time `json:"draws_at"`
	Drawn    bool      `json:"drawn"`
	Entrants uint64    `json:"entrants,omitempty"` // once drawn, as all that follows
	Winners  uint64    `json:"winners,omitempty"`
	Kept     uint64    `json:"kept,omitempty"` // for winners who have not collected
	Seal     string    `json:"seed_sha256"`
	Seed     string    `json:"seed,omitempty"`
}

// LotsOf is a sale's draw, or nil.
func LotsOf(r ledger.ShowReply) *Lots {
	l := r.Lots
	if l.Window == 0 || r.Secret.Seal == "" { // after an operator's change nobody asked for them
		return nil
	}
	return &Lots{Window: (time.Duration(l.Window) * time.Microsecond).String(), DrawsAt: time.UnixMicro(r.DrawsAt()).UTC(), Drawn: l.Drawn > 0,
		Entrants: l.Entrants, Winners: l.Winners, Kept: l.Kept, Seal: r.Secret.Seal, Seed: r.Secret.Seed}
}
