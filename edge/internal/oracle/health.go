package oracle

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
	wellFor    = 2 * time.Second        // so long after a look a sale is taken to be well
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
	return s.sales.ail()
}

// ail is what ails a sale, where every sale that was looked at lately ails; else "". Of ten thousand sales most often none ails, and
// no clock need be read.
func (s *Sales) ail() (why string) {
	all := s.all()
	for name, sale := range all {
		if t := sale.Trouble(); t != nil && sale.Ails() {
			why = "sale " + name + ": " + t.Why
			break
		}
	}
	if why == "" {
		return ""
	}
	for _, sale := range all {
		if !sale.Ails() && sale.SeenWithin(wellFor) {
			return ""
		}
	}
	return why
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
		for _, sale := range s.sales.all() {
			if t := sale.Trouble(); t != nil && t.Ailment != allotment.Cut { // its Keeper looks steadily
				places <- struct{}{}
				all.Go(func() {
					s.sales.examine(sale, t)
					<-places
				})
			}
		}
		all.Wait()
	})
}

// examine looks whether a sale's trouble is over.
func (s *Sales) examine(sale *Sale, t *allotment.Trouble) {
	switch t.Ailment {
	case allotment.NoRing:
		if s.data.hasRoom(t.Ring) {
			sale.Cure(t)
		}
	case allotment.StoreAway, allotment.ByHand:
		party := luascripts.Party{Birth: sale.birth, Instance: s.cfg.instance, Node: s.cfg.Node}
		_, err := s.store.Renew(s.life, sale.name, luascripts.RenewRequest{Term: s.cfg.Lease, Party: party})
		if err == nil && t.Ailment == allotment.ByHand {
			shown, e := s.store.Show(s.life, sale.name)
			if err = e; e == nil && shown.Trouble != "" {
				return
			}
		}
		if err == nil {
			sale.Cure(t)
		}
	case allotment.Cut:
	}
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
