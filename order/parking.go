package order

import (
	"context"
	"errors"
	"time"
)

// place stores orders that the book would not have all together: half of them, and the other half, until one is left that it
// will not have. That one is parked, in the book, and what comes after it of its reservation waits behind it.
func (d *desk) place(orders []Order, parked []ParkedEvent) error {
	e := Entry{Parked: parked}
	for _, o := range orders {
		e.add(o, d.w.sender != nil)
	}
	e.Rows = mergeRows(e.Rows)
	err := d.enter(e)
	switch {
	case err == nil || !errors.Is(err, ErrRefused) || len(orders) == 0:
		return err
	case len(orders) == 1:
		return d.park(orders[0], parked, err)
	}
	half := len(orders) / 2
	if err := d.place(orders[:half], parked); err != nil {
		return err
	}
	return d.place(orders[half:], nil)
}

func (d *desk) park(o Order, parked []ParkedEvent, why error) error {
	if err := d.enter(Entry{Parked: parked, Refused: []Refused{{Order: o, Why: errorText(why)}}}); err != nil {
		return err
	}
	d.w.meters.refused.Inc()
	d.w.parked.Add(1)
	d.w.parkLog.Error().Err(why).Str("sale", o.Sale).Str("kind", string(o.Event.Kind)).Uint32("serial", o.claim().Serial).
		Uint64("number", o.Event.Number).Msg("order parked: see table parked_orders")
	return nil
}

// againMost is how many parked orders are tried again at a time.
const againMost = 100

// tryAgain counts parked orders, and tries those again that an operator wants tried again.
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
			w.bookTrouble.note("parked orders", err)
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
		if err := w.book.Retry(ctx); err != nil {
			return false, err
		}
		*all = false
	}
	orders, err := w.book.Again(ctx, againMost)
	if err != nil {
		return false, err
	}
	for _, o := range orders {
		if err := w.oneAgain(ctx, o); err != nil {
			return false, err
		}
	}
	n, err := w.book.ParkedOrders(ctx)
	if err == nil {
		w.parked.Store(n)
	}
	return len(orders) == againMost, err
}

// oneAgain stores an order that was parked, or parks it again.
func (w *Worker) oneAgain(ctx context.Context, o Order) error {
	e := Entry{Again: []Order{o}}
	e.add(o, w.sender != nil)
	e.Rows = mergeRows(e.Rows)
	for i := range e.Deliveries {
		e.Deliveries[i].NextAt = time.Now()
	}
	err := w.book.Enter(ctx, e)
	if errors.Is(err, ErrRefused) {
		w.parkLog.Error().Err(err).Str("sale", o.Sale).Uint32("serial", o.claim().Serial).Uint64("number", o.Event.Number).
			Msg("parked order tried again: refused again")
		return w.book.Refuse(ctx, Refused{Order: o, Why: errorText(err)})
	}
	if err != nil {
		return err
	}
	w.meters.rows.Add(float64(len(e.Rows)))
	w.log.Info().Str("sale", o.Sale).Str("kind", string(o.Event.Kind)).Uint32("serial", o.claim().Serial).
		Uint64("number", o.Event.Number).Msg("parked order stored")
	return nil
}
