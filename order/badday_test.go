package order

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"spike/luascripts/ledger"
)

// badDay has a store and a database whose calls fail, before or after they have done their work.
type badDay struct {
	ledger.Store
	Repository
	bad *atomic.Bool
}

var errBadDay = errors.New("bad day")

// maybe fails one in three times before the call, and one in three times after it.
func (b badDay) maybe(err error, f func() error) error {
	luck := 1.0
	if b.bad.Load() {
		luck = rand.Float64()
	}
	if luck < 0.3 {
		return err
	}
	if e := f(); e != nil {
		return e
	}
	if luck < 0.6 {
		return err
	}
	return nil
}

func (b badDay) Ping(ctx context.Context) error { return b.Store.Ping(ctx) }
func (b badDay) Close()                         {}

func (b badDay) Save(ctx context.Context, e Entry) error {
	return b.maybe(errBadDay, func() error { return b.Repository.Save(ctx, e) })
}

var errDownToday = fmt.Errorf("%w: bad day", ledger.ErrDown)

func (b badDay) AckEvents(ctx context.Context, sale string, g ledger.Group, ids []string) error {
	return b.maybe(errDownToday, func() error { return b.Store.AckEvents(ctx, sale, g, ids) })
}

func (b badDay) ReadEvents(ctx context.Context, sale string, g ledger.Group, n int) (evs []ledger.Event, err error) {
	err = b.maybe(errDownToday, func() (err error) { evs, err = b.Store.ReadEvents(ctx, sale, g, n); return err })
	if err != nil {
		evs = nil
	}
	return evs, err
}

func (b badDay) List(ctx context.Context) (names []string, err error) {
	err = b.maybe(errDownToday, func() (err error) { names, err = b.Store.List(ctx); return err })
	return names, err
}

type awayRepository struct {
	Repository
	off   atomic.Bool
	tried atomic.Int64
}

var errAway = errors.New("connection refused")

func (a *awayRepository) Migrate(ctx context.Context) error {
	if a.off.Load() {
		return errAway
	}
	return a.Repository.Migrate(ctx)
}

func (a *awayRepository) Save(ctx context.Context, e Entry) error {
	if a.off.Load() {
		a.tried.Add(1)
		return errAway
	}
	return a.Repository.Save(ctx, e)
}

// oddStore adds an event to the stream that makes no sense.
type oddStore struct {
	ledger.Store
	acked sync.Map
}

func (o *oddStore) ReadEvents(ctx context.Context, sale string, g ledger.Group, n int) ([]ledger.Event, error) {
	evs, err := o.Store.ReadEvents(ctx, sale, g, n)
	if len(evs) == 0 || err != nil {
		return evs, err
	}
	odd := evs[0]
	odd.ID, odd.Claims = "odd", []ledger.Claim{{Serial: 0, Count: 5}}
	return append([]ledger.Event{odd}, evs...), nil
}

func (o *oddStore) AckEvents(ctx context.Context, sale string, g ledger.Group, ids []string) error {
	for _, id := range ids {
		o.acked.Store(id, true)
	}
	return o.Store.AckEvents(ctx, sale, g, ids)
}

// refusingRepository refuses one sale's rows.
type refusingRepository struct {
	Repository
	sale string
}

func (s refusingRepository) Save(ctx context.Context, e Entry) error {
	if len(e.Rows) > 0 && e.Rows[0].Sale == s.sale {
		return errAway
	}
	return s.Repository.Save(ctx, e)
}
