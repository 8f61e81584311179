package edge

import (
	"context"
	"sync"
	"time"

	"spike/edge/allotment"
)

// Whether this edge takes buys is one truth, which /readyz, spike_ready and the log tell: the listener is up, the store takes
// writes, and of the sales that were asked for lately not all are in trouble. What has no stock and such trouble is answered
// with "undecided".

const (
	nurseEvery = time.Second // looking after sales in trouble
	nurseMost  = 8           // at a time
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
	return s.sales.Ail()
}

// nurse looks after sales in trouble: they have perhaps no buyer who would find out that it is over.
func (s *Server) nurse() {
	tick := time.NewTicker(nurseEvery)
	defer tick.Stop()
	for {
		if s.pulse.Err(s.life) == nil {
			s.examineAll()
		}
		select {
		case <-tick.C:
		case <-s.life.Done():
			return
		}
	}
}

// examineAll looks at each sale in trouble, at a few of them at a time.
func (s *Server) examineAll() {
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
}
