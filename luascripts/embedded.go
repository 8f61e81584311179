package luascripts

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"time"
)

// Embedded is the Store inside one process: the twin behind a lock and a clock. It keeps nothing after exit.
type Embedded struct {
	bounds Bounds
	clock  func() time.Time
	key    []byte

	mu    sync.Mutex
	sales map[string]*Twin
}

// NewEmbedded has no sale yet.
func NewEmbedded(b Bounds, clock func() time.Time) *Embedded {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		panic(err) // crypto/rand does not fail
	}
	return &Embedded{bounds: b, clock: clock, key: key, sales: map[string]*Twin{}}
}

// with runs f on a sale's ledger, alone.
func with[R any](e *Embedded, sale string, f func(t *Twin, raw int64) (R, error)) (none R, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.sales[sale]
	if t == nil {
		return none, noSale(sale)
	}
	return f(t, e.clock().UnixMicro())
}

func noSale(sale string) error {
	return &Refusal{Code: "NOSALE", Why: sale + HashSuffix + " does not exist"}
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

// Deduct is Store's.
func (e *Embedded) Deduct(_ context.Context, sale string, q DeductRequest) (DeductReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (DeductReply, error) { return t.Deduct(raw, q) })
}

// Show is Store's.
func (e *Embedded) Show(_ context.Context, sale string) (ShowReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (ShowReply, error) { return t.Show(raw), nil })
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
	t := NewTwin(e.clock().UnixMicro(), q, e.bounds)
	e.sales[sale] = t
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

// TokenKey is Store's.
func (e *Embedded) TokenKey(context.Context) ([]byte, error) { return e.key, nil }

// Ping is Store's.
func (e *Embedded) Ping(context.Context) error { return nil }

// Close is Store's.
func (e *Embedded) Close() {}

var (
	_ Store = (*Embedded)(nil)
	_ Store = (*Redis)(nil)
)
