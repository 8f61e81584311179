package order

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"spike/luascripts/ledger"
)

// The orders of a store belong to one database. The database has an id, and the store knows the id (ledger.Binding).
// Otherwise two workers with two databases would share the events, and neither database would have all of them.
// A copy of a database has the same id, so a copy is known by its place. The copy gets the orders only when the other place has
// been silent for long. A worker must not acknowledge anything unless it has lately said that the orders are its database's. So
// two places never have the orders at once.

// errUnbound delays an acknowledgement until the worker is sure whose the orders are.
var errUnbound = errors.New("it is not known whether the orders are still this database's")

// Both count in pace.bind. A worker acknowledges for bindHolds after it said that the orders are its database's. Another place
// must have been silent for bindSilent. The difference leaves time for a call on its way.
const (
	bindHolds  = 3
	bindSilent = 5
)

// binding is what a worker knows about the owner of the orders.
type binding struct {
	mu    sync.Mutex
	until time.Time
	why   string // why the owner is not known yet
}

// holds says that the orders are still this database's.
func (b *binding) holds() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Now().Before(b.until)
}

// waits says what the worker waits for.
func (b *binding) waits() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.why == "" {
		return "its tables are not there yet"
	}
	return b.why
}

func (b *binding) set(until time.Time, why string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.until, b.why = until, why
}

// keepGroup makes the store's orders this database's, lets the consumers begin, and repeats the claim every pace.bind. It returns
// when the worker ends, or with an error when the orders are another database's.
func (w *Worker) keepGroup(ctx context.Context) error {
	claim := claimant{w: w, take: w.cfg.Rebind}
	for n := 0; ctx.Err() == nil; {
		began := time.Now()
		mine, err := claim.bind(ctx)
		switch {
		case errors.Is(err, ErrConfig):
			w.binding.set(time.Time{}, "the orders are another database's")
			return err
		case err == nil && mine:
			w.binding.set(began.Add(bindHolds*w.pace.bind), "")
			claim.begin(ctx)
		}
		pause := w.pace.bind
		if n++; err == nil {
			n = 0
		} else {
			pause = backoff(w.pace.retry, min(w.pace.bind, w.pace.retryMost), n)
		}
		sleep(ctx, pause)
	}
	return nil
}

// claimant claims the orders for a database.
type claimant struct {
	w     *Worker
	me    ledger.Binding
	take  bool
	begun bool
	other ledger.Binding // the same database in another place
	since time.Time      // when its silence began
}

// bind claims the orders once. If it returns false and no error, a copy of the database has the orders, or had them not long ago.
func (c *claimant) bind(ctx context.Context) (mine bool, err error) {
	if c.me.ID == "" {
		me, err := c.w.repo.Binding(ctx)
		if c.w.databaseHealth.note("identity", err); err != nil {
			return false, err
		}
		c.me = me
	}
	has, err := c.w.store.BindGroup(ctx, c.w.group.Name, c.me, c.take)
	if c.w.storeHealth.note("group", err); err != nil {
		return false, err
	}
	if has.ID != c.me.ID {
		return false, fmt.Errorf("%w: this store's orders are kept in another database, %s; this one is %s. "+
			"It would have only a part of them. To keep them here from now on: --rebind", ErrConfig, has.Name, c.me.Name)
	}
	if has.Place == c.me.Place {
		c.moved()
		c.take, c.me.Beats = false, 0
		return true, nil
	}
	return false, c.watch(has)
}

// watch waits until the other place is silent. A worker that had the orders, and finds them in another place, ends at once.
func (c *claimant) watch(has ledger.Binding) error {
	if c.begun || has.Beats != c.other.Beats && c.other.Beats != 0 {
		return fmt.Errorf("%w: this store's orders are being kept in a copy of this database, %s; this one is %s. "+
			"To keep them here from now on, end what works there; then it goes on by itself", ErrConfig, has.Name, c.me.Name)
	}
	if c.other.Beats == 0 {
		c.other, c.since = has, time.Now()
		c.w.binding.set(time.Time{}, "its orders were kept in a copy of it, "+has.Name+": waiting whether that is at work")
		c.w.log.Warn().Str("copy", has.Name).Str("database", c.me.Name).
			Msg("the orders were kept in a copy of this database: waiting whether it is at work")
	}
	if time.Since(c.since) >= bindSilent*c.w.pace.bind {
		c.me.Beats = has.Beats
	}
	return nil
}

// moved logs that the orders were taken over from another place.
func (c *claimant) moved() {
	if c.other.Beats != 0 {
		c.w.log.Warn().Str("from", c.other.Name).Str("to", c.me.Name).
			Msg("the orders are kept here from now on; the copy is not used any more")
	}
	c.other = ledger.Binding{}
}

// begin lets the consumers begin.
func (c *claimant) begin(ctx context.Context) {
	if c.begun {
		return
	}
	c.begun = true
	risks, err := c.w.repo.Risks(ctx)
	c.w.databaseHealth.note("risks", err)
	c.w.databaseHealth.forget("risks") // no later call would clear it
	for _, risk := range risks {
		c.w.log.Warn().Msg("database: " + risk)
	}
	close(c.w.migrated)
}
