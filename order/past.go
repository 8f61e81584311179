package order

import (
	"context"
	"time"

	"spike/luascripts/ledger"
)

// past is what a consumer knows that the database has stored. With it the consumer notices a database from an earlier time: a
// backup, or a standby that had not received everything. The stream may have forgotten the missing events, so they can only be
// named.
type past struct {
	birth    uint64
	number   uint64 // the newest event that was acknowledged, or stored by this consumer
	asked    bool   // the store was asked how far it was when this consumer began
	looked   time.Time
	stumbled uint64 // failures of the database as of the look
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

// look runs before a batch is stored. After the batch the newest event is new, and would hide missing events before it.
func (c *consumer) look(orders []Order) {
	stumbled := c.w.stumbled.Load()
	if p := &c.past; p.asked && p.stumbled == stumbled && time.Since(p.looked) < c.w.pace.check || len(orders) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(c.w.grace, c.w.pace.statement)
	defer cancel()
	if c.compare(ctx) == nil {
		c.past.looked, c.past.stumbled = time.Now(), stumbled
	}
}

// lookOnce looks when the consumer begins, even if there is nothing to store.
func (c *consumer) lookOnce(ctx context.Context) {
	if c.past.looked.IsZero() && c.compare(ctx) == nil {
		c.past.looked, c.past.stumbled = time.Now(), c.w.stumbled.Load()
	}
}

// remember asks the store which events were acknowledged when this consumer began.
func (c *consumer) remember(ctx context.Context) error {
	if c.past.asked {
		return nil
	}
	var known ledger.Stored
	known, err := c.w.store.EventsStored(ctx, c.sale.name, c.w.group)
	if err != nil {
		return err
	}
	c.past.birth, c.past.number, c.past.asked = known.Birth, known.Number, true
	return nil
}

// compare names the events that the database should have and has not. An error here says nothing, because storing will show what
// is wrong.
func (c *consumer) compare(ctx context.Context) error {
	if err := c.remember(ctx); err != nil {
		return err
	}
	p := &c.past
	if p.number == 0 {
		return nil
	}
	has, known, err := c.w.repo.Stored(ctx, c.sale.name, p.birth)
	if err != nil || !known || has >= p.number {
		return err
	}
	c.w.meters.lost.Add(p.number - has)
	c.log.Error().Uint64("first", has+1).Uint64("last", p.number).
		Msg("the database has lost orders that it had stored: it comes " +
			"from a backup, or from a standby that had not received them. Events with these numbers are missing in it")
	p.number = has
	return nil
}
