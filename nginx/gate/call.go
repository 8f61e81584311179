package gate

import (
	"context"
	"errors"
	"time"

	"spike/luascripts"
)

// dispatch gives out the calls that are due, while the gate listens.
func (g *Gate) dispatch(ctx context.Context, calls chan<- *sale) {
	defer close(calls)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		s, wait := g.nextCall()
		if s == nil {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return
			case <-g.wake:
			case <-timer.C:
			}
			continue
		}
		select {
		case calls <- s:
		case <-ctx.Done():
			return
		}
	}
}

func (g *Gate) nextCall() (*sale, time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.listening {
		return nil, time.Hour
	}
	return g.queue.takes(time.Now())
}

// call makes the one that is due: a question, or a sweep. At the end of ctx its answer does not count.
func (g *Gate) call(ctx context.Context, s *sale) {
	news, asks, known := g.begins(s)
	if asks {
		a := g.question(ctx, s.name, known)
		if ctx.Err() == nil {
			g.answered(s, news, a)
		}
		return
	}
	left, err := g.store.Expire(ctx, s.name, sweepMost)
	if ctx.Err() == nil {
		g.swept(s, news, left.Head, err)
	}
}

// begins notes, before the call is sent, what news there was.
func (g *Gate) begins(s *sale) (news uint64, asks bool, known string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if asks = !now.Before(s.ask); asks {
		s.asked = now
	}
	return s.news, asks, s.known()
}

// answer is what came of a question.
type answer struct {
	mark  string // from before it was asked
	same  bool   // as known: there was no more to ask
	shown luascripts.ShowReply
	err   error
}

// question looks whether anything was written, and only then asks how the sale is.
func (g *Gate) question(ctx context.Context, sale, known string) (a answer) {
	if a.mark, a.err = g.store.Glance(ctx, sale); a.err != nil {
		return a
	}
	if a.same = a.mark == known; !a.same {
		a.shown, a.err = g.store.Show(ctx, sale)
	}
	return a
}

// answered sets or removes the sale's flag.
func (g *Gate) answered(s *sale, news uint64, a answer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	late := s.news != news || !g.listening // news came since the question was sent (I13)
	if !late && !s.fresh {
		s.fresh = true
		g.stale--
		defer g.logCensus()
	}
	g.heard(s, a.err)
	switch {
	case late:
		s.ask = s.asked.Add(spacing)
	case errors.Is(a.err, luascripts.ErrNoSale):
		g.forget(s)
		return
	case a.err != nil:
		g.fail(s, a.err)
	default:
		s.failed = 0
		g.conclude(s, a)
	}
	g.queue.enters(s)
	nudge(g.wake)
}

// conclude is for an answer that counts.
func (g *Gate) conclude(s *sale, a answer) {
	what := s.flag
	if a.same {
		s.seen++
	} else {
		what = judge(a.shown, s.flag)
	}
	if what == "" {
		g.removeFlag(s)
	} else {
		g.setFlag(s, what)
	}
	now := time.Now()
	s.ask = now.Add(s.untilPhase(now))
	switch {
	case s.flag == "" && (what != "" || passes(a.shown)): // it could not be set, or will be when some time has passed
	case s.flag == "":
		s.ask = s.ask.Add(lookIdle)
	case !a.same:
		s.seen = 0
		if s.mark == "" { // a crowd of sales need not ask in the same slot, now or ever after
			s.seen = int(s.phase/phaseEvery) % maxSeen
		}
		s.mark = a.mark
		if a.shown.Closes > 0 { // a clock will shut it
			s.mark = ""
		}
	}
}

// fail opens the gate for a sale of which nobody knows anything.
func (g *Gate) fail(s *sale, err error) {
	g.faultLog.Warn().Err(err).Str("sale", s.name).Msg("gate: no answer to go by; it is tried again")
	g.removeFlag(s)
	s.failed++
	s.ask = time.Now().Add(backoff(s.failed))
}

// swept takes a sweep's answer. That it brought units back is news, too; this is sooner, or the same.
func (g *Gate) swept(s *sale, news uint64, h luascripts.Head, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.heard(s, err)
	switch {
	case err != nil:
		g.fail(s, err)
	case s.news != news || s.flag == "":
	case h.State != luascripts.Open, h.Free > 0, h.Leased > 0:
		g.doubt(s)
		s.ask = s.asked.Add(spacing)
	default:
		s.took(time.Now(), h, g.noneNow)
	}
	g.queue.enters(s)
	nudge(g.wake)
}
