package memory

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"time"

	"spike/luascripts/ledger"
)

// Store is the ledger.Store inside one process: twins behind a lock and a clock. It keeps nothing after exit.
type Store struct {
	bounds  ledger.Bounds
	clock   func() time.Time
	key     []byte
	id      string
	keeping bool   // events are kept for order workers
	node    Node   // the same always, but for tests
	birth   uint64 // of the newest sale
	beats   beats
	journal journal

	mu        sync.Mutex
	sales     map[string]*Twin
	streams   map[string]*stream
	listeners map[*ledger.Listener]struct{}
	bound     map[string]ledger.Binding // group -> the database that it belongs to
}

// New is a store without a sale.
func New(b ledger.Bounds, clock func() time.Time) *Store {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		panic(err) // crypto/rand does not fail
	}
	return &Store{bounds: b, clock: clock, key: key, id: ledger.PassingStore + ledger.NewIdentity(), sales: map[string]*Twin{},
		streams: map[string]*stream{}, listeners: map[*ledger.Listener]struct{}{},
		bound: map[string]ledger.Binding{}, beats: beats{by: map[beater]heard{}}, journal: journal{once: map[string]time.Time{}}}
}

// KeepEvents keeps the events of sales made from now on. Somebody must read, acknowledge and trim them.
func (e *Store) KeepEvents() { e.keeping = true }

// On sets the server on which the following calls run.
func (e *Store) On(n Node) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.node = n
}

// with runs f on a sale's ledger under the lock, and reports the news that f made.
func with[R any](e *Store, sale string, f func(t *Twin, raw int64) (R, error)) (none R, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.sales[sale]
	if t == nil {
		return none, ledger.NoSale(sale)
	}
	t.On(e.node)
	gen, door, bare := t.head.Gen, t.door, t.bare()
	out, err := f(t, e.clock().UnixMicro())
	if t.head.Gen != gen || t.door != door || t.bare() != bare {
		e.report(sale, t.door)
	}
	return out, err
}

// report reports news to the listeners. The caller must hold the lock.
func (e *Store) report(sale string, door ledger.State) {
	for l := range e.listeners {
		l.News(sale, door)
	}
}

// Listen is ledger.Store's.
func (e *Store) Listen(ctx context.Context, l ledger.Listener) {
	e.mu.Lock()
	e.listeners[&l] = struct{}{}
	e.mu.Unlock()
	l.Begin()
	<-ctx.Done()
	e.mu.Lock()
	delete(e.listeners, &l)
	e.mu.Unlock()
	l.End()
}

// News is ledger.Store's.
func (e *Store) News(ctx context.Context, f func(sale string, door ledger.State), lost func()) {
	e.Listen(ctx, ledger.Listener{Begin: lost, News: f, End: func() {}, Fails: func(error) {}})
}

// Lease is ledger.Store's.
func (e *Store) Lease(_ context.Context, sale string, q ledger.LeaseRequest) (ledger.LeaseReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ledger.LeaseReply, error) { return t.Lease(raw, q) })
}

// Renew is ledger.Store's.
func (e *Store) Renew(_ context.Context, sale string, q ledger.RenewRequest) (ledger.RenewReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ledger.RenewReply, error) { return t.Renew(raw, q) })
}

// GiveBack is ledger.Store's.
func (e *Store) GiveBack(_ context.Context, sale string, q ledger.GiveBackRequest) (ledger.GiveBackReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ledger.GiveBackReply, error) { return t.GiveBack(raw, q) })
}

// Settle is ledger.Store's.
func (e *Store) Settle(_ context.Context, sale string, q ledger.SettleRequest) (ledger.SettleReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ledger.SettleReply, error) { return t.Settle(raw, q) })
}

// Reassert is ledger.Store's.
func (e *Store) Reassert(_ context.Context, sale string, q ledger.ReassertRequest) (ledger.ReassertReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ledger.ReassertReply, error) { return t.Reassert(raw, q) })
}

// Reopen is ledger.Store's.
func (e *Store) Reopen(_ context.Context, sale string, q ledger.ReopenRequest) (ledger.Head, error) {
	return with(e, sale, func(t *Twin, raw int64) (ledger.Head, error) { return t.Reopen(raw, q) })
}

// Mend is ledger.Store's: the twin has no hash that could be lost.
func (e *Store) Mend(_ context.Context, sale string) (ledger.Head, error) {
	return with(e, sale, func(t *Twin, raw int64) (ledger.Head, error) { return t.Mend(raw) })
}

// Deduct is ledger.Store's.
func (e *Store) Deduct(ctx context.Context, sale string, q ledger.DeductRequest) (ledger.DeductReply, error) {
	return ledger.One(e.DeductEach(ctx, sale, []ledger.DeductRequest{q}))
}

// DeductEach is ledger.Store's.
func (e *Store) DeductEach(_ context.Context, sale string, qs []ledger.DeductRequest) ([]ledger.Deducted, error) {
	return with(e, sale, func(t *Twin, raw int64) ([]ledger.Deducted, error) { return t.DeductEach(raw, qs) })
}

// Answers is ledger.Store's.
func (e *Store) Answers(_ context.Context, sale string, q ledger.AnswersRequest) (ledger.AnswersReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ledger.AnswersReply, error) { return t.Answers(raw, q) })
}

// EnterDraw is ledger.Store's.
func (e *Store) EnterDraw(_ context.Context, sale string, q ledger.EnterRequest) (ledger.EnterReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ledger.EnterReply, error) { return t.EnterDraw(raw, q) })
}

// Draw is ledger.Store's.
func (e *Store) Draw(_ context.Context, sale string, from, most int) (ledger.DrawReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ledger.DrawReply, error) { return t.Draw(raw, from, most), nil })
}

// Confirm is ledger.Store's.
func (e *Store) Confirm(_ context.Context, sale string, birth uint64, c ledger.Claim) (ledger.ReservationReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ledger.ReservationReply, error) { return t.Confirm(raw, birth, c) })
}

// Cancel is ledger.Store's.
func (e *Store) Cancel(_ context.Context, sale string, birth uint64, c ledger.Claim) (ledger.ReservationReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ledger.ReservationReply, error) { return t.Cancel(raw, birth, c) })
}

// Reservation is ledger.Store's.
func (e *Store) Reservation(_ context.Context, sale string, birth uint64, c ledger.Claim) (ledger.ReservationReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ledger.ReservationReply, error) {
		return t.Reservation(raw, birth, c, e.stream(sale, t).needed(ledger.OrdersGroup))
	})
}

// Prolong is ledger.Store's.
func (e *Store) Prolong(_ context.Context, sale string, birth uint64, c ledger.Claim, by time.Duration) (
	ledger.ReservationReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ledger.ReservationReply, error) { return t.Prolong(raw, birth, c, by) })
}

// Release is ledger.Store's.
func (e *Store) Release(_ context.Context, sale string, birth uint64, c ledger.Claim) (ledger.ReservationReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ledger.ReservationReply, error) { return t.Release(raw, birth, c) })
}

// Unit is ledger.Store's.
func (e *Store) Unit(_ context.Context, sale string, birth uint64, serial uint32, id ledger.Claim) (ledger.UnitReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ledger.UnitReply, error) { return t.Unit(raw, birth, serial, id) })
}

// Edit is ledger.Store's.
func (e *Store) Edit(_ context.Context, sale string, q ledger.EditRequest) (ledger.Head, error) {
	return with(e, sale, func(t *Twin, raw int64) (ledger.Head, error) {
		was := t.head.Birth
		h, err := t.Edit(raw, q)
		if err == nil && h.Birth != was { // two sales may be made in one microsecond
			h.Birth = max(h.Birth, e.birth+1)
			t.head.Birth, e.birth = h.Birth, h.Birth
		}
		return h, err
	})
}

// Mine is ledger.Store's.
func (e *Store) Mine(_ context.Context, sale string, birth uint64, b ledger.Buyer) (ledger.MineReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ledger.MineReply, error) { return t.Mine(raw, birth, b) })
}

// Expire is ledger.Store's.
func (e *Store) Expire(_ context.Context, sale string, most int) (ledger.ExpireReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ledger.ExpireReply, error) { return t.Expire(raw, most) })
}

// Tend is ledger.Store's.
func (e *Store) Tend(_ context.Context, sale string, q ledger.TendRequest) (ledger.TendReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ledger.TendReply, error) { return t.Tend(raw, q) })
}

// Show is ledger.Store's.
func (e *Store) Show(_ context.Context, sale string) (ledger.ShowReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ledger.ShowReply, error) { return t.Show(raw), nil })
}

// Revision is ledger.Store's.
func (e *Store) Revision(_ context.Context, sale string) (string, error) {
	return with(e, sale, func(t *Twin, _ int64) (string, error) {
		return fmt.Sprint(t.head.Birth, t.head.Era, t.head.Rev), nil
	})
}

// Marks is ledger.Store's.
func (e *Store) Marks(_ context.Context, sales []string) (marks []ledger.Mark, history string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	marks = make([]ledger.Mark, len(sales))
	for i, name := range sales {
		if t := e.sales[name]; t != nil {
			marks[i] = t.Mark()
		}
	}
	return marks, fmt.Sprint(e.node.Era), nil
}

// Audit is ledger.Store's.
func (e *Store) Audit(_ context.Context, sale string) (ledger.Audit, error) {
	return with(e, sale, func(t *Twin, _ int64) (ledger.Audit, error) { return t.holdings().Audit(sale), nil })
}

// Change is ledger.Store's.
func (e *Store) Change(_ context.Context, sale string, q ledger.ChangeRequest) (ledger.Head, error) {
	return with(e, sale, func(t *Twin, raw int64) (ledger.Head, error) { return t.Change(raw, q) })
}

// Create is ledger.Store's.
func (e *Store) Create(_ context.Context, sale string, q ledger.CreateRequest) (ledger.Head, error) {
	if err := ledger.CheckName(sale); err != nil {
		return ledger.Head{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sales[sale] != nil {
		return ledger.Head{}, &ledger.Refusal{Code: "EXISTS", Why: sale + ledger.HashSuffix + " exists"}
	}
	if q.Total > ledger.MaxSerial {
		return ledger.Head{}, ledger.TooMany()
	}
	t := NewTwinOn(e.node, e.clock().UnixMicro(), q, e.bounds)
	t.keeping = e.keeping
	t.head.Birth = max(t.head.Birth, e.birth+1) // two sales may be made in one microsecond
	e.birth = t.head.Birth
	e.sales[sale] = t
	e.report(sale, t.door)
	return t.view("-"), nil
}

// Remove is ledger.Store's.
func (e *Store) Remove(_ context.Context, sale string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sales[sale] == nil {
		return ledger.NoSale(sale)
	}
	delete(e.sales, sale)
	delete(e.streams, sale)
	e.report(sale, ledger.Closed)
	return nil
}

// List is ledger.Store's.
func (e *Store) List(context.Context) ([]string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	names := make([]string, 0, len(e.sales))
	for name := range e.sales {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// Survey is ledger.Store's.
func (e *Store) Survey(ctx context.Context) ([]string, error) { return e.List(ctx) }

// Born is ledger.Store's.
func (e *Store) Born(_ context.Context, birth uint64) (ledger.Found, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, t := range e.sales {
		if t.head.Birth == birth {
			return ledger.Found{Sale: name, Era: t.head.Era}, nil
		}
	}
	return ledger.Found{}, ledger.Unborn(birth)
}

// TokenKey is ledger.Store's.
func (e *Store) TokenKey(context.Context) ([]byte, error) { return e.key, nil }

// Identity is ledger.Store's.
func (e *Store) Identity(context.Context) (string, error) { return e.id, nil }

// Ping is ledger.Store's.
func (e *Store) Ping(context.Context) error { return nil }

// Willing is ledger.Store's.
func (e *Store) Willing(context.Context) error { return nil }

// Close is ledger.Store's.
func (e *Store) Close() {}

var _ ledger.Store = (*Store)(nil)
