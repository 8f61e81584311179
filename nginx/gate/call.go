package gate

import (
	"context"
	"errors"
	"time"

	"spike/luascripts/ledger"
)

// dispatch hands calls that are due to the callers, while the gate listens.
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

// call makes the call that is due: a question or a sweep. After the end of ctx its answer does not count.
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

// begins notes the state of the news before the call is sent.
func (g *Gate) begins(s *sale) (news uint64, asks bool, known string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if asks = !now.Before(s.ask); asks {
		s.asked = now
	}
	return s.news, asks, s.known()
}

// answer is the result of a question.
type answer struct {
	mark  string // taken before the question
	same  bool   // the mark is the known one: nothing more was asked
	shown ledger.ShowReply
	err   error
}

// question looks whether anything was written. Only then it asks for the state of the sale.
func (g *Gate) question(ctx context.Context, sale, known string) (a answer) {
	if a.mark, a.err = g.store.Revision(ctx, sale); a.err != nil {
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
	case errors.Is(a.err, ledger.ErrNoSale):
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

// conclude acts on an answer that counts.
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
	case s.flag == "" && (what != "" || passes(a.shown)): // the flag could not be set, or time alone may allow it
	case s.flag == "":
		s.ask = s.ask.Add(lookIdle)
	case !a.same:
		s.seen = 0
		if s.mark == "" { // the sales of a crowd need not ask in the same slot, now or later
			s.seen = int(s.phase/phaseEvery) % maxSeen
		}
		s.mark = a.mark
		if a.shown.Closes > 0 { // the sale will close by a clock, without news
			s.mark = ""
		}
	}
}

// fail opens the gate for a sale whose state is unknown.
func (g *Gate) fail(s *sale, err error) {
	g.faultLog.Warn().Err(err).Str("sale", s.name).Msg("gate: no answer to go by; it is tried again")
	g.removeFlag(s)
	s.failed++
	s.ask = time.Now().Add(backoff(s.failed))
}

// swept takes a sweep's answer. If units came back that is news, too; the sweep's answer comes no later.
func (g *Gate) swept(s *sale, news uint64, h ledger.Head, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.heard(s, err)
	switch {
	case err != nil:
		g.fail(s, err)
	case s.news != news || s.flag == "":
	case h.State != ledger.Open, h.Free > 0, h.Leased > 0:
		g.doubt(s)
		s.ask = s.asked.Add(spacing)
	default:
		s.took(time.Now(), h, g.noneNow)
	}
	g.queue.enters(s)
	nudge(g.wake)
}
