package edge

import (
	"context"
	"sync"
	"time"

	"spike/edge/allotment"
	"spike/luascripts"
)

// Whether this edge takes buys is one truth, which /readyz, spike_ready and the log tell: the listener is up, the store takes
// writes, and of the sales that were asked for lately not all are in trouble. What has no stock and such trouble is answered
// with "undecided".

const (
	nurseEvery = time.Second     // looking after sales in trouble
	nurseMost  = 8               // at a time
	wellFor    = 2 * time.Second // so long after a look a sale is taken to be well
)

// unready names the part that is not ready; "": buys are taken.
func (s *Server) unready(ctx context.Context) string {
	if !s.ready.Load() {
		return "listener: starting or stopping"
	}
	return s.unwell(ctx)
}

// unwell is the same of an edge whose listener is up: that it starts or stops is logged elsewhere.
func (s *Server) unwell(ctx context.Context) string {
	if err := s.pulse.Err(ctx); err != nil {
		return "store: " + err.Error()
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

// nurse looks after sales in trouble: they have perhaps no buyer who would find out that it is over.
func (s *Server) nurse() {
	s.each(nurseEvery, func() {
		if s.pulse.Err(s.life) != nil {
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
