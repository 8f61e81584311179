package edge

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"spike/edge/allotment"
)

// This edge is ready if the listener is up, the store takes writes, and not all sales with recent buyers have trouble. /readyz,
// spike_ready and the log say the same. A buy of a sale that has trouble and no stock is undecided.

const (
	examineEvery = time.Second // how often sales in trouble are examined
	examineMost  = 8           // sales that are examined at a time
)

// unready names the part that is not ready. It is "" if the edge is ready.
func (s *Server) unready(ctx context.Context) string {
	if !s.ready.Load() {
		return "listener: starting or stopping"
	}
	return s.unwell(ctx)
}

// unwell is unready without the listener, because starting and stopping are logged elsewhere.
func (s *Server) unwell(ctx context.Context) string {
	if err := s.pulse.Err(ctx); err != nil {
		return "store: " + err.Error()
	}
	return s.sales.Ail()
}

// examineTrouble examines sales in trouble, a few at a time, because they may have no buyer by whom the edge would find out that
// it is over.
func (s *Server) examineTrouble(time.Time) {
	if s.pulse.Err(s.life) != nil {
		return
	}
	var few errgroup.Group
	few.SetLimit(examineMost)
	for _, sale := range s.sales.All() {
		if t := sale.Trouble(); t != nil && t.Ailment != allotment.Cut { // in a recovery the Keeper looks by itself
			few.Go(func() error {
				s.sales.Examine(sale, t)
				return nil
			})
		}
	}
	_ = few.Wait() // nothing fails
}
