package order

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"spike/luascripts/ledger"
)

// sweeper ends one sale's holds, steadily, and looks how far behind its orders are. It does not use SQL. So units come back
// whatever is wrong with the database.
type sweeper struct {
	w    *Worker
	sale *sale

	head   ledger.Head
	heard  time.Time // when head came
	due    time.Time // when a hold may be over
	looked time.Time // the newest look at the sale's numbers
	lagged time.Time // the newest look at the stream
	failed int       // failures in a row
	news   bool      // something was written since the look
}

// sweepMost is how many holds one call looks at.
const sweepMost = ledger.MaxExpire

func (s *sweeper) who() string { return "sweeper of " + s.sale.name }

func (s *sweeper) lagWho() string { return "lag of " + s.sale.name }

func (s *sweeper) run(ctx context.Context) {
	defer s.w.storeHealth.forget(s.who())
	defer s.w.storeHealth.forget(s.lagWho())
	if !sleep(ctx, rand.N(s.w.pace.sweep)) { // hundreds of sales must not sweep at the same moment
		return
	}
	for {
		told, ok := wait(ctx, s.turn(ctx), s.sale.news.sweeper)
		if !ok {
			return
		}
		s.news = s.news || told
	}
}

// turn does what is due, and returns how long to wait.
func (s *sweeper) turn(ctx context.Context) time.Duration {
	select {
	case s.w.sweeping <- struct{}{}:
		defer func() { <-s.w.sweeping }()
	case <-ctx.Done():
		return 0
	}
	pause, err := s.work(ctx)
	if ctx.Err() != nil {
		return 0
	}
	s.w.noteStore(s.sale, s.who(), err)
	if err == nil {
		s.failed = 0
		return pause
	}
	s.failed++
	return backoff(s.w.pace.retry, s.w.pace.retryMost, s.failed)
}

func (s *sweeper) work(ctx context.Context) (pause time.Duration, err error) {
	now := time.Now()
	if !s.settled() && now.Sub(s.lagged) >= s.w.pace.checkIdle || now.Sub(s.lagged) >= s.w.pace.rest {
		s.lag(ctx)
		s.lagged = now
	}
	looking := now.Sub(s.looked) >= s.w.pace.look
	switch {
	case s.waits() && (!now.Before(s.due) || looking && (s.news || s.head.Leased+s.head.Limbo > 0)):
		return s.tend(ctx, now)
	case !s.waits() && (looking && s.news || now.Sub(s.looked) >= s.w.pace.rest):
		shown, err := s.w.store.Show(ctx, s.sale.name)
		if err != nil {
			return 0, err
		}
		s.head, s.heard, s.looked, s.news = shown.Head, time.Now(), now, false
		if s.waits() { // a look begins no recovery, and does not move ledger time
			return s.tend(ctx, now)
		}
	}
	return s.pause(), nil
}

// waits says that something in the sale ends by ledger time.
func (s *sweeper) waits() bool {
	return s.head.Reopens > 0 || s.head.Hold > 0 && s.head.Pending > 0 || s.head.Leased+s.head.Limbo > 0
}

// pause is how long there is nothing to do without news.
func (s *sweeper) pause() time.Duration {
	switch {
	case s.news || !s.settled() || s.head.Leased+s.head.Limbo > 0:
		return s.w.pace.sweep
	case s.waits():
		return max(time.Until(s.due), s.w.pace.sweep)
	}
	return s.w.pace.rest/2 + rand.N(s.w.pace.rest/2)
}

// settled says that no orders of the sale wait, as far as this worker must know.
func (s *sweeper) settled() bool { return s.w.repo == nil || s.sale.news.isSettled() }

// tend sweeps once. It tells the store how long this worker has lived since the last answer, so ledger time need not be moved
// often. More holds are swept soon, but Redis gets as much time for others as for this sweep.
func (s *sweeper) tend(ctx context.Context, now time.Time) (pause time.Duration, err error) {
	q := ledger.TendRequest{Most: sweepMost, Witness: s.head.Seen(now.Sub(s.heard))}
	reply, err := s.w.store.Tend(ctx, s.sale.name, q)
	if err != nil {
		return 0, err
	}
	s.head, s.heard, s.looked, s.news = reply.Head, time.Now(), now, false
	s.w.meters.expired.Add(reply.Freed)
	if reply.Due {
		return max(2*time.Millisecond, time.Since(now)), nil
	}
	wait := s.w.pace.tend
	if until := reply.Until(); until > 0 {
		wait = min(wait, until+time.Millisecond)
	}
	s.due = now.Add(max(wait, s.w.pace.sweep))
	return s.pause(), nil
}

// lag only looks. So holds end whatever is wrong with the stream.
func (s *sweeper) lag(ctx context.Context) {
	if s.w.repo == nil {
		return
	}
	changes := s.sale.news.changes.Load()
	lag, err := s.w.store.EventLag(ctx, s.sale.name, s.w.group)
	s.w.noteStore(s.sale, s.lagWho(), err)
	if err != nil {
		return
	}
	s.sale.news.settles(changes, lag)
	s.sale.setFigures(figures{unread: lag.Unread, unacked: lag.Pending, oldest: lag.Oldest})
}

// noteStore takes the outcome of a call. A failure is the store's, or that of one sale in it. A sale that is gone is no failure,
// because it will not be listed either.
func (w *Worker) noteStore(s *sale, who string, err error) {
	var down, odd error
	switch {
	case errors.Is(err, ledger.ErrNoSale), errors.Is(err, context.Canceled):
	case errors.Is(err, ledger.ErrDown):
		down = err
	default:
		odd = err
	}
	w.storeHealth.note(who, down)
	s.health.note(who, odd)
}
