package lab

import (
	"context"
	"fmt"
	"time"

	"spike/bench/crowd"
	"spike/luascripts/ledger"
)

// trial is a sale from its first unit to its last, perhaps with a death in it.
type trial struct {
	name  string
	death *death
	units uint64

	at      int64         // units sold at the strike
	moved   time.Duration // from the strike until the traffic went around the dead part
	since   int64         // answers until then
	stopped time.Duration // replica: from the strike until selling stopped
	reopen  time.Duration // replica: from the reopening until the next win

	heard   heard
	wins    *crowd.Wins
	carried sample
	audit   ledger.Audit
}

// The bounds on which a user may rely, with room for a stalling machine.
const (
	strikeLimit = 30 * time.Second // until a tenth is sold
	moveLimit   = 10 * time.Second
	stopLimit   = 20 * time.Second // until edges have sold what they hold
	soldLimit   = 60 * time.Second
)

// logLimit is how late nginx' log may be, with its `flush=1s`.
const logLimit = 1500 * time.Millisecond

// quiet is how long every buyer must have heard yes or no, until the trouble counts as over.
const quiet = 300 * time.Millisecond

// play makes the sale, starts the crowd, strikes, heals, and counts the result.
func (l *lab) play(ctx context.Context, name string) (*trial, error) {
	t := &trial{name: name, death: l.death(name), units: l.o.Units}
	if err := l.stand(ctx); err != nil {
		return nil, err
	}
	if _, err := l.store.Create(ctx, name, ledger.CreateRequest{Total: t.units}); err != nil {
		return nil, fmt.Errorf("sale %s: %w", name, err)
	}
	before := l.sampler.take(ctx)
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	buyers := l.gather(ctx, name, fail)
	l.board.watch(t.name, t.units, buyers)
	err := l.unfold(ctx, t, buyers)
	buyers.leave()
	if err != nil {
		return nil, err
	}
	t.heard, t.wins, t.carried = buyers.now(), &buyers.wins, l.carriedSince(ctx, before, buyers)
	if t.audit, err = l.store.Audit(ctx, name); err != nil {
		return nil, fmt.Errorf("audit of %s: %w", name, err)
	}
	return t, nil
}

// carriedSince is what each part carried of the sale. nginx writes its log a second late.
func (l *lab) carriedSince(ctx context.Context, before sample, buyers *throng) (s sample) {
	_ = eventually(ctx, logLimit, "nginx has written its log", func() bool {
		s = l.sampler.take(ctx).less(before)
		return s.of("nginx") >= buyers.now().Answered
	})
	return s // if lines are missing, the figures are smaller
}

// unfold lasts from the first buyer until the last unit is sold.
func (l *lab) unfold(ctx context.Context, t *trial, buyers *throng) error {
	if t.death != nil {
		err := eventually(ctx, strikeLimit, "a tenth is sold", func() bool { return buyers.now().Won*10 >= int64(t.units) })
		if err != nil {
			return err
		}
		if err = l.die(ctx, t, buyers); err != nil {
			return err
		}
	}
	var owned uint64
	err := eventually(ctx, soldLimit, "all is sold, and every gate shut", func() bool {
		sale, err := l.store.Show(ctx, t.name)
		owned = sale.Owned()
		return err == nil && owned == t.units && l.answersAlone(t.name)
	})
	if err != nil {
		return fmt.Errorf("%w (%d of %d have an owner)", err, owned, t.units)
	}
	return nil
}

// die strikes, waits until the traffic has moved, and heals.
func (l *lab) die(ctx context.Context, t *trial, buyers *throng) error {
	begin := time.Now()
	t.at = buyers.now().Won
	l.board.say("%s", t.death.what)
	if err := t.death.strike(ctx); err != nil {
		return err
	}
	move := l.away
	if t.name == replicaTrial {
		move = l.reopened
	}
	if err := move(ctx, t, buyers, begin); err != nil {
		return err
	}
	t.since = buyers.now().Answered
	l.board.say("%s", t.told())
	if err := t.death.heal(ctx); err != nil {
		return fmt.Errorf("heal %s: %w", t.name, err)
	}
	return nil
}

// away waits until the traffic goes around the dead part. The layer before it tells, or else the buyers do.
func (l *lab) away(ctx context.Context, t *trial, buyers *throng, begin time.Time) error {
	if t.death.moved == nil {
		return l.calmed(ctx, t, buyers, begin)
	}
	err := eventually(ctx, moveLimit, "the traffic moves", func() bool { return t.death.moved(ctx) })
	t.moved = time.Since(begin)
	return err
}

// calmed waits until every buyer hears yes or no.
func (l *lab) calmed(ctx context.Context, t *trial, buyers *throng, begin time.Time) error {
	err := eventually(ctx, moveLimit, "the traffic moves", func() bool {
		return time.Since(later(begin, buyers.now().LastBad)) > quiet
	})
	t.moved = later(begin, buyers.now().LastBad).Sub(begin)
	return err
}

// reopened waits until selling has stopped, waits a while, and reopens the sale as the operator.
func (l *lab) reopened(ctx context.Context, t *trial, buyers *throng, begin time.Time) error {
	err := eventually(ctx, stopLimit, "edges stop selling", func() bool {
		h := buyers.now()
		return h.Undecided > 0 && time.Since(h.LastWin) > 2*quiet
	})
	if err != nil {
		return err
	}
	t.stopped = buyers.now().LastWin.Sub(begin)
	l.board.say("sold on for %s, then 503; the operator: spike sale reopen %s --yes", short(t.stopped), t.name)
	word := time.Now()
	if err = l.reopen(ctx, t.name); err != nil {
		return err
	}
	err = eventually(ctx, moveLimit, "edges sell again", func() bool { return buyers.now().LastWin.After(word) })
	t.reopen, t.moved = time.Since(word), time.Since(begin)
	return err
}

// told describes how the traffic moved.
func (t *trial) told() string {
	if t.name == replicaTrial {
		return fmt.Sprintf("selling again %s after the operator's word", short(t.reopen))
	}
	return "around it after " + short(t.moved)
}

// short prints a time for people.
func short(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}
