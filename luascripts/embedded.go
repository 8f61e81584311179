package luascripts

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Embedded is the Store inside one process: the twin behind a lock and a clock. It keeps nothing after exit.
type Embedded struct {
	bounds  Bounds
	clock   func() time.Time
	key     []byte
	id      string
	keeping bool   // events, for who reads them
	node    Node   // never another one, but for tests
	birth   uint64 // of the newest sale

	mu        sync.Mutex
	sales     map[string]*Twin
	streams   map[string]*stream
	keys      map[IdempotencyKey]binding
	listeners map[*Listener]struct{}
	bound     map[string]Binding // group -> its database
}

// NewEmbedded has no sale yet.
func NewEmbedded(b Bounds, clock func() time.Time) *Embedded {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		panic(err) // crypto/rand does not fail
	}
	return &Embedded{bounds: b, clock: clock, key: key, id: passingStore + freshIdentity(), sales: map[string]*Twin{},
		streams: map[string]*stream{}, keys: map[IdempotencyKey]binding{}, listeners: map[*Listener]struct{}{}, bound: map[string]Binding{}}
}

// KeepEvents keeps the events of sales made from now on, for somebody who reads, acknowledges and trims them.
func (e *Embedded) KeepEvents() { e.keeping = true }

// On says on which server the following calls run.
func (e *Embedded) On(n Node) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.node = n
}

// with runs f on a sale's ledger, alone, and passes its news on.
func with[R any](e *Embedded, sale string, f func(t *Twin, raw int64) (R, error)) (none R, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.sales[sale]
	if t == nil {
		return none, noSale(sale)
	}
	t.On(e.node)
	gen, door, bare := t.head.Gen, t.door, t.bare()
	out, err := f(t, e.clock().UnixMicro())
	if t.head.Gen != gen || t.door != door || t.bare() != bare {
		e.tell(sale, t.door)
	}
	return out, err
}

// tell passes news on to whoever listens; the caller has the lock.
func (e *Embedded) tell(sale string, door State) {
	for l := range e.listeners {
		l.News(sale, door)
	}
}

// Listen is Store's.
func (e *Embedded) Listen(ctx context.Context, l Listener) {
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

// News is Store's.
func (e *Embedded) News(ctx context.Context, f func(sale string, door State), lost func()) {
	e.Listen(ctx, Listener{Begin: lost, News: f, End: func() {}, Fails: func(error) {}})
}

// Lease is Store's.
func (e *Embedded) Lease(_ context.Context, sale string, q LeaseRequest) (LeaseReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (LeaseReply, error) { return t.Lease(raw, q) })
}

// Renew is Store's.
func (e *Embedded) Renew(_ context.Context, sale string, q RenewRequest) (RenewReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (RenewReply, error) { return t.Renew(raw, q) })
}

// GiveBack is Store's.
func (e *Embedded) GiveBack(_ context.Context, sale string, q GiveBackRequest) (GiveBackReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (GiveBackReply, error) { return t.GiveBack(raw, q) })
}

// Settle is Store's.
func (e *Embedded) Settle(_ context.Context, sale string, q SettleRequest) (SettleReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (SettleReply, error) { return t.Settle(raw, q) })
}

// Reassert is Store's.
func (e *Embedded) Reassert(_ context.Context, sale string, q ReassertRequest) (ReassertReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ReassertReply, error) { return t.Reassert(raw, q) })
}

// Reopen is Store's.
func (e *Embedded) Reopen(_ context.Context, sale string, q ReopenRequest) (Head, error) {
	return with(e, sale, func(t *Twin, raw int64) (Head, error) { return t.Reopen(raw, q) })
}

// Mend is Store's: there is no hash here that could be lost.
func (e *Embedded) Mend(_ context.Context, sale string) (Head, error) {
	return with(e, sale, func(t *Twin, raw int64) (Head, error) { return t.Mend(raw) })
}

// Deduct is Store's.
func (e *Embedded) Deduct(_ context.Context, sale string, q DeductRequest) (DeductReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (DeductReply, error) { return t.Deduct(raw, q) })
}

// EnterDraw is Store's.
func (e *Embedded) EnterDraw(_ context.Context, sale string, q EnterRequest) (EnterReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (EnterReply, error) { return t.EnterDraw(raw, q) })
}

// Draw is Store's.
func (e *Embedded) Draw(_ context.Context, sale string, from, most int) (DrawReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (DrawReply, error) { return t.Draw(raw, from, most), nil })
}

// Confirm is Store's.
func (e *Embedded) Confirm(_ context.Context, sale string, birth uint64, c Claim) (ReservationReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ReservationReply, error) { return t.Confirm(raw, birth, c) })
}

// Cancel is Store's.
func (e *Embedded) Cancel(_ context.Context, sale string, birth uint64, c Claim) (ReservationReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ReservationReply, error) { return t.Cancel(raw, birth, c) })
}

// Reservation is Store's.
func (e *Embedded) Reservation(_ context.Context, sale string, birth uint64, c Claim) (ReservationReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ReservationReply, error) {
		return t.Reservation(raw, birth, c, e.stream(sale, t).needed(OrdersGroup))
	})
}

// Expire is Store's.
func (e *Embedded) Expire(_ context.Context, sale string, most int) (ExpireReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ExpireReply, error) { return t.Expire(raw, most) })
}

// Tend is Store's.
func (e *Embedded) Tend(_ context.Context, sale string, q TendRequest) (TendReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (TendReply, error) { return t.Tend(raw, q) })
}

// binding is what an idempotency key stands for.
type binding struct {
	sale  string
	n     uint32
	until time.Time
}

// BindKey is Store's.
func (e *Embedded) BindKey(_ context.Context, key IdempotencyKey, sale string, n uint32, keep time.Duration) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.clock()
	b, known := e.keys[key]
	if known && now.Before(b.until) && (b.sale != sale || b.n != n) {
		return ErrKeyUsed
	}
	looked := 0
	for k, b := range e.keys { // any two: those that are over stay about as few as those that are not
		if !now.Before(b.until) {
			delete(e.keys, k)
		}
		if looked++; looked == 2 {
			break
		}
	}
	until := now.Add(keep)
	if known && b.sale == sale && b.n == n && b.until.After(until) {
		until = b.until
	}
	e.keys[key] = binding{sale, n, until}
	return nil
}

// Show is Store's.
func (e *Embedded) Show(_ context.Context, sale string) (ShowReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ShowReply, error) { return t.Show(raw), nil })
}

// Glance is Store's.
func (e *Embedded) Glance(_ context.Context, sale string) (string, error) {
	return with(e, sale, func(t *Twin, _ int64) (string, error) {
		return fmt.Sprint(t.head.Birth, t.head.Era, t.head.Rev), nil
	})
}

// Marks is Store's.
func (e *Embedded) Marks(_ context.Context, sales []string) (marks []Mark, history string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	marks = make([]Mark, len(sales))
	for i, name := range sales {
		if t := e.sales[name]; t != nil {
			marks[i] = t.Mark()
		}
	}
	return marks, fmt.Sprint(e.node.Era), nil
}

// Audit is Store's.
func (e *Embedded) Audit(_ context.Context, sale string) (Audit, error) {
	return with(e, sale, func(t *Twin, _ int64) (Audit, error) { return t.holdings().audit(sale), nil })
}

// Change is Store's.
func (e *Embedded) Change(_ context.Context, sale string, q ChangeRequest) (Head, error) {
	return with(e, sale, func(t *Twin, raw int64) (Head, error) { return t.Change(raw, q) })
}

// Create is Store's.
func (e *Embedded) Create(_ context.Context, sale string, q CreateRequest) (Head, error) {
	if err := CheckName(sale); err != nil {
		return Head{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sales[sale] != nil {
		return Head{}, &Refusal{Code: "EXISTS", Why: sale + HashSuffix + " exists"}
	}
	if q.Total > MaxSerial {
		return Head{}, tooMany()
	}
	t := NewTwinOn(e.node, e.clock().UnixMicro(), q, e.bounds)
	t.keeping = e.keeping
	t.head.Birth = max(t.head.Birth, e.birth+1) // two may be made in one microsecond
	e.birth = t.head.Birth
	e.sales[sale] = t
	e.tell(sale, t.door)
	return t.view("-"), nil
}

// Remove is Store's.
func (e *Embedded) Remove(_ context.Context, sale string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sales[sale] == nil {
		return noSale(sale)
	}
	delete(e.sales, sale)
	delete(e.streams, sale)
	e.tell(sale, Closed)
	return nil
}

// List is Store's.
func (e *Embedded) List(context.Context) ([]string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	names := make([]string, 0, len(e.sales))
	for name := range e.sales {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// Survey is Store's.
func (e *Embedded) Survey(ctx context.Context) ([]string, error) { return e.List(ctx) }

// Born is Store's.
func (e *Embedded) Born(_ context.Context, birth uint64) (Found, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, t := range e.sales {
		if t.head.Birth == birth {
			return Found{Sale: name, Era: t.head.Era}, nil
		}
	}
	return Found{}, unborn(birth)
}

// TokenKey is Store's.
func (e *Embedded) TokenKey(context.Context) ([]byte, error) { return e.key, nil }

// Identity is Store's.
func (e *Embedded) Identity(context.Context) (string, error) { return e.id, nil }

// Ping is Store's.
func (e *Embedded) Ping(context.Context) error { return nil }

// Willing is Store's.
func (e *Embedded) Willing(context.Context) error { return nil }

// Close is Store's.
func (e *Embedded) Close() {}

var _ Store = (*Embedded)(nil)
