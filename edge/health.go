package edge

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"spike/edge/allotment"
	"spike/luascripts"
)

// Whether this edge takes buys is one truth, which /readyz, spike_ready and the log tell: the listener is up, the store takes
// writes, and of the sales that were asked for lately not all are in trouble. What has no stock and such trouble is answered
// with "undecided".

const (
	beat       = 250 * time.Millisecond // between two looks at the store
	beatOld    = 2 * luascripts.Timeout // older than this, a look says nothing
	nurseEvery = time.Second            // looking after sales in trouble
	nurseMost  = 8                      // at a time
)

// pulse is the newest look at the store.
type pulse struct {
	asking sync.Mutex
	newest atomic.Pointer[heartbeat]
}

type heartbeat struct {
	at  time.Time
	err error
}

// feel looks at the store, unless somebody has since the caller began to wait. A store that takes longer than a buyer's call may
// does not answer.
func (p *pulse) feel(ctx context.Context, store luascripts.Store) *heartbeat {
	began := time.Now()
	p.asking.Lock()
	defer p.asking.Unlock()
	if h := p.newest.Load(); h != nil && h.at.After(began) {
		return h
	}
	h := &heartbeat{err: store.Willing(ctx)}
	h.at = time.Now()
	p.newest.Store(h)
	return h
}

// unready names the part that is not ready; "": buys are taken.
func (s *Server) unready(ctx context.Context) string {
	if !s.ready.Load() {
		return "listener: starting or stopping"
	}
	h := s.pulse.newest.Load()
	if h == nil || time.Since(h.at) > beatOld {
		h = s.pulse.feel(ctx, s.store)
	}
	if h.err != nil {
		return "store: " + h.err.Error()
	}
	return s.sales.Ail()
}

// watch looks at the store steadily, and logs when this edge takes no buys and when it does again.
func (s *Server) watch() {
	said := ""
	s.each(beat, func() {
		s.pulse.feel(s.life, s.store)
		if !s.ready.Load() || s.life.Err() != nil { // that is logged elsewhere
			return
		}
		why := s.unready(s.life)
		switch {
		case why != "" && said == "":
			s.log.Error().Str("why", why).Msg("trouble: not ready, buyers hear 503")
		case why == "" && said != "":
			s.log.Info().Str("was", said).Msg("trouble is over: ready")
		}
		said = why
	})
}

// nurse looks after sales in trouble: they have perhaps no buyer who would find out that it is over.
func (s *Server) nurse() {
	s.each(nurseEvery, func() {
		if h := s.pulse.newest.Load(); h != nil && h.err != nil {
			return
		}
		places, all := make(chan struct{}, nurseMost), sync.WaitGroup{}
		for _, sale := range s.sales.All() {
			if t := sale.Trouble(); t != nil && t.Ailment != allotment.Cut { // its Keeper looks steadily
				places <- struct{}{}
				all.Go(func() {
					s.sales.Examine(sale, t)
					<-places
				})
			}
		}
		all.Wait()
	})
}

// each does something again and again until the edge stops.
func (s *Server) each(every time.Duration, do func()) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		do()
		select {
		case <-tick.C:
		case <-s.life.Done():
			return
		}
	}
}
