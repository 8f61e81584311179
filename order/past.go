package order

import (
	"context"
	"time"

	"spike/luascripts"
)

// past is what a desk knows that the database has: it notices when the database comes from a time before that, a backup, or a
// standby that had not received all. What is missing then the stream may have forgotten; it can only be named.
type past struct {
	birth    uint64
	number   uint64 // the newest event that was stored, and acknowledged or by this desk
	asked    bool   // the store, how far it was when this desk began
	looked   time.Time
	stumbled uint64 // the book had, when we looked
}

func (p *past) note(orders []Order) {
	for _, o := range orders {
		switch {
		case o.Event.Birth != p.birth:
			*p = past{birth: o.Event.Birth, number: o.Event.Number, asked: true, looked: p.looked, stumbled: p.stumbled}
		default:
			p.number = max(p.number, o.Event.Number)
		}
	}
}

// look is made before a batch is stored: after it the newest event is new, and what is missing before it is not seen.
func (d *desk) look(orders []Order) {
	stumbled := d.w.stumbled.Load()
	if p := &d.past; p.asked && p.stumbled == stumbled && time.Since(p.looked) < d.w.pace.check || len(orders) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(d.w.grace, d.w.pace.statement)
	defer cancel()
	if d.compare(ctx) == nil {
		d.past.looked, d.past.stumbled = time.Now(), stumbled
	}
}

// lookOnce looks when the desk begins, be there anything to store or not.
func (d *desk) lookOnce(ctx context.Context) {
	if d.past.looked.IsZero() && d.compare(ctx) == nil {
		d.past.looked, d.past.stumbled = time.Now(), d.w.stumbled.Load()
	}
}

// remember asks the store how far the events were acknowledged when this desk began.
func (d *desk) remember(ctx context.Context) error {
	if d.past.asked {
		return nil
	}
	var known luascripts.Stored
	known, err := d.w.store.EventsStored(ctx, d.sale.name, d.w.group)
	if err != nil {
		return err
	}
	d.past.birth, d.past.number, d.past.asked = known.Birth, known.Number, true
	return nil
}

// compare names what the database should have and has not. An error says nothing: storing will say what is wrong.
func (d *desk) compare(ctx context.Context) error {
	if err := d.remember(ctx); err != nil {
		return err
	}
	p := &d.past
	if p.number == 0 {
		return nil
	}
	has, known, err := d.w.book.Stored(ctx, d.sale.name, p.birth)
	if err != nil || !known || has >= p.number {
		return err
	}
	d.w.meters.lost.Add(float64(p.number - has))
	d.log.Error().Uint64("first", has+1).Uint64("last", p.number).Msg("the database has lost orders that it had stored: it comes " +
		"from a backup, or from a standby that had not received them. Events with these numbers are missing in it")
	p.number = has
	return nil
}
