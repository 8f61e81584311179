package order

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"spike/luascripts"
)

// sweeper ends one sale's holds, steadily, and looks how far behind its orders are. It does not know SQL: whatever is
// wrong there, units come back.
type sweeper struct {
	w    *Worker
	sale *sale

	head   luascripts.Head
	looked time.Time // at the sale's numbers
	lagged time.Time // at the stream
	failed int       // in a row
}

// sweepMost is how many holds one call looks at.
const sweepMost = 128

func (s *sweeper) who() string { return "sweeper of " + s.sale.name }

func (s *sweeper) lagWho() string { return "lag of " + s.sale.name }

func (s *sweeper) run(ctx context.Context) {
	defer s.w.storeTrouble.forget(s.who())
	defer s.w.storeTrouble.forget(s.lagWho())
	if !sleep(ctx, rand.N(s.w.pace.sweep)) { // hundreds of sales: not all at once
		return
	}
	for {
		pause := s.turn(ctx)
		if !sleep(ctx, pause) {
			return
		}
	}
}

// turn does what is due and says when to come again.
func (s *sweeper) turn(ctx context.Context) time.Duration {
	select {
	case s.w.sweeps <- struct{}{}:
		defer func() { <-s.w.sweeps }()
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
	if s.w.book != nil && now.Sub(s.lagged) >= s.w.pace.checkIdle {
		s.lag(ctx)
		s.lagged = now
	}
	looking := now.Sub(s.looked) >= s.w.pace.look
	switch {
	case s.head.Hold > 0 && s.head.Pending > 0, looking && s.head.Leased+s.head.Limbo > 0:
		return s.expire(ctx, now)
	case looking:
		shown, err := s.w.store.Show(ctx, s.sale.name)
		if err != nil {
			return 0, err
		}
		s.head, s.looked = shown.Head, now
	}
	return s.w.pace.sweep, nil
}

// expire sweeps once. What is left over is swept soon, but Redis has as much time for others as for this.
func (s *sweeper) expire(ctx context.Context, now time.Time) (pause time.Duration, err error) {
	reply, err := s.w.store.Expire(ctx, s.sale.name, sweepMost)
	if err != nil {
		return 0, err
	}
	s.head, s.looked = reply.Head, now
	s.w.meters.expired.Add(float64(reply.Freed))
	if reply.Due {
		return max(2*time.Millisecond, time.Since(now)), nil
	}
	return s.w.pace.sweep, nil
}

// lag only looks: whatever is wrong with the stream, holds end.
func (s *sweeper) lag(ctx context.Context) {
	lag, err := s.w.store.EventLag(ctx, s.sale.name, s.w.group)
	s.w.noteStore(s.sale, s.lagWho(), err)
	if err != nil {
		return
	}
	s.sale.setFigures(figures{unread: lag.Unread, unacked: lag.Pending, oldest: lag.Oldest})
}

// noteStore takes the outcome of a call: trouble is the store's, or that of one sale in it. A sale that is gone is no
// trouble: it will not be listed either.
func (w *Worker) noteStore(s *sale, who string, err error) {
	var down, odd error
	switch {
	case errors.Is(err, luascripts.ErrNoSale), errors.Is(err, context.Canceled):
	case errors.Is(err, luascripts.ErrDown):
		down = err
	default:
		odd = err
	}
	w.storeTrouble.note(who, down)
	s.trouble.note(who, odd)
}
