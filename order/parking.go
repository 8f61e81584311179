package order

import (
	"context"
	"errors"
	"time"
)

// storeByHalves stores orders that the database refused as one. It stores one half, then the other, until a single order is
// refused. That order is parked in the database, and later events of its reservation wait behind it.
func (c *consumer) storeByHalves(orders []Order, parked []ParkedEvent) error {
	e := Entry{Parked: parked}
	for _, o := range orders {
		e.addOrder(o, c.w.sender != nil)
	}
	e.Rows = mergeRows(e.Rows)
	err := c.save(e)
	switch {
	case err == nil || !errors.Is(err, ErrRefused) || len(orders) == 0:
		return err
	case len(orders) == 1:
		return c.park(orders[0], parked, err)
	}
	half := len(orders) / 2
	if err := c.storeByHalves(orders[:half], parked); err != nil {
		return err
	}
	return c.storeByHalves(orders[half:], nil)
}

func (c *consumer) park(o Order, parked []ParkedEvent, why error) error {
	if err := c.save(Entry{Parked: parked, Refused: []Refused{{Order: o, Why: errorText(why)}}}); err != nil {
		return err
	}
	c.w.meters.refused.inc()
	c.w.parked.Add(1)
	c.w.parkLog.Error().Err(why).Str("sale", o.Sale).Str("kind", string(o.Event.Kind)).Uint32("serial", o.claim().Serial).
		Uint64("number", o.Event.Number).Msg("order parked: see table parked_orders")
	return nil
}

// againMost is how many parked orders one pass tries again.
const againMost = 100

// tryAgain counts parked orders, and tries those again that an operator has marked.
func (w *Worker) tryAgain(ctx context.Context) {
	select {
	case <-w.migrated:
	case <-ctx.Done():
		return
	}
	all := w.cfg.RetryParked
	for ctx.Err() == nil {
		more, err := w.again(ctx, &all)
		if ctx.Err() == nil {
			w.databaseHealth.note("parked orders", err)
		}
		if err != nil || !more {
			sleep(ctx, w.pace.again)
		}
	}
}

func (w *Worker) again(ctx context.Context, all *bool) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.pace.statement)
	defer cancel()
	if *all {
		if err := w.repo.Retry(ctx); err != nil {
			return false, err
		}
		*all = false
	}
	orders, err := w.repo.Again(ctx, againMost)
	if err != nil {
		return false, err
	}
	for _, o := range orders {
		if err := w.oneAgain(ctx, o); err != nil {
			return false, err
		}
	}
	n, err := w.repo.ParkedOrders(ctx)
	if err == nil {
		w.parked.Store(n)
	}
	return len(orders) == againMost, err
}

// oneAgain stores a parked order, or parks it again.
func (w *Worker) oneAgain(ctx context.Context, o Order) error {
	e := Entry{Again: []Order{o}}
	e.addOrder(o, w.sender != nil)
	e.Rows = mergeRows(e.Rows)
	for i := range e.Deliveries {
		e.Deliveries[i].NextAt = time.Now()
	}
	err := w.repo.Save(ctx, e)
	if errors.Is(err, ErrRefused) {
		w.parkLog.Error().Err(err).Str("sale", o.Sale).Uint32("serial", o.claim().Serial).Uint64("number", o.Event.Number).
			Msg("parked order tried again: refused again")
		return w.repo.Refuse(ctx, Refused{Order: o, Why: errorText(err)})
	}
	if err != nil {
		return err
	}
	w.meters.rows.Add(uint64(len(e.Rows)))
	w.log.Info().Str("sale", o.Sale).Str("kind", string(o.Event.Kind)).Uint32("serial", o.claim().Serial).
		Uint64("number", o.Event.Number).Msg("parked order stored")
	return nil
}
