package order

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"spike/luascripts"
)

// The orders of a store belong to one database: it has an id, and the store knows the id (luascripts.Binding). Else two workers
// with two databases would share the events, and neither had all. A copy of a database has the same id. It is known by its
// place, and has the orders only when the other place has been silent for long; who has them acknowledges nothing unless it has
// said so lately. So there are never two at once.

// errUnbound is an acknowledgement that waits until it is sure whose the orders are.
var errUnbound = errors.New("it is not known whether the orders are still this database's")

// Of pace.bind: for so long after it said so a worker acknowledges, and for so long another place must have been silent. Between
// them is time for a call on its way.
const (
	bindHolds  = 3
	bindSilent = 5
)

// binding is what a worker knows of whose the orders are.
type binding struct {
	mu    sync.Mutex
	until time.Time
	why   string // it is not known yet
}

// holds says that the orders are still this database's.
func (b *binding) holds() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Now().Before(b.until)
}

// waits says for what everything waits.
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

// keepGroup makes the store's orders this database's, lets the consumers begin, and says so again and again. It returns when the
// worker ends, or with an error when they are another's.
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

// claimant asks for the orders.
type claimant struct {
	w     *Worker
	me    luascripts.Binding
	take  bool
	begun bool
	other luascripts.Binding // the same database in another place
	since time.Time          // it has been silent
}

// bind asks once. Not mine and no error: a copy has them, or had them not long ago.
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
		return false, fmt.Errorf("%w: this store's orders are kept in another database, %s; this one is %s. It would have only a part "+
			"of them. To keep them here from now on: --rebind", ErrConfig, has.Name, c.me.Name)
	}
	if has.Place == c.me.Place {
		c.moved()
		c.take, c.me.Beats = false, 0
		return true, nil
	}
	return false, c.watch(has)
}

// watch waits for the silence of another place. Who finds its own orders there is at an end at once.
func (c *claimant) watch(has luascripts.Binding) error {
	if c.begun || has.Beats != c.other.Beats && c.other.Beats != 0 {
		return fmt.Errorf("%w: this store's orders are being kept in a copy of this database, %s; this one is %s. To keep them here "+
			"from now on, end what works there; then it goes on by itself", ErrConfig, has.Name, c.me.Name)
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

// moved tells of a place that was taken over.
func (c *claimant) moved() {
	if c.other.Beats != 0 {
		c.w.log.Warn().Str("from", c.other.Name).Str("to", c.me.Name).
			Msg("the orders are kept here from now on; the copy is not used any more")
	}
	c.other = luascripts.Binding{}
}

// begin lets the consumers begin.
func (c *claimant) begin(ctx context.Context) {
	if c.begun {
		return
	}
	c.begun = true
	risks, err := c.w.repo.Risks(ctx)
	c.w.databaseHealth.note("risks", err)
	c.w.databaseHealth.forget("risks") // nobody asks again
	for _, risk := range risks {
		c.w.log.Warn().Msg("database: " + risk)
	}
	close(c.w.migrated)
}
