package order

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/rs/zerolog"

	"spike/luascripts"
)

// desk stores one sale's events: read some; then for each batch of rows in them one transaction, and acknowledge. It reads no
// more until all it has in hand is stored; so its events are stored in their order, as far as they came to this worker.
type desk struct {
	w    *Worker
	sale *sale
	log  zerolog.Logger
	who  string

	hand  []heard // read, and not in a batch yet
	batch *batch  // being stored; nil: none

	birth   uint64 // of the sale whose hold is known
	held    bool
	count   int // of events to ask for: about a batch of rows
	checked time.Time
	trimmed time.Time
	dirty   bool // something was acknowledged since
	quiet   time.Duration
	failed  int // calls of the store, in a row
	past    past
}

// heard is an event in hand.
type heard struct {
	luascripts.Event
	held bool // the sale of its birth has a hold
}

// batch is some events' rows.
type batch struct {
	entry  Entry
	ids    []string
	stored bool
	whole  bool // the book has not refused it as one
}

func newDesk(w *Worker, s *sale) *desk {
	return &desk{w: w, sale: s, log: w.log.With().Str("sale", s.name).Logger(), who: "desk of " + s.name,
		count: min(w.cfg.Batch, 32)}
}

// run works until the sale is gone; what is in hand then is stored all the same, unless the process ends.
func (d *desk) run(life, process context.Context) {
	defer d.w.storeTrouble.forget(d.who)
	defer d.w.bookTrouble.forget(d.who)
	select {
	case <-d.w.migrated:
	case <-life.Done():
		return
	}
	for life.Err() == nil {
		stuck, err := d.turn(life)
		if stuck {
			d.finish(process)
			continue
		}
		if !d.rest(life, d.pause(err)) {
			return
		}
	}
}

// pause is how long to wait when there was nothing to do: longer and longer, while nothing happens.
func (d *desk) pause(err error) time.Duration {
	d.w.noteStore(d.sale, d.who, err)
	if err != nil {
		d.failed++
		return backoff(d.w.pace.retry, d.w.pace.retryMost, d.failed)
	}
	d.failed = 0
	d.quiet = min(max(2*d.quiet, d.w.pace.quiet/16), d.w.pace.quiet)
	return d.quiet/2 + rand.N(d.quiet/2+1)
}

// rest waits that long; until there is news, where the stream has nothing for anybody.
func (d *desk) rest(ctx context.Context, pause time.Duration) bool {
	if d.failed > 0 || d.dirty || d.quiet < d.w.pace.quiet || !d.sale.news.isSettled() {
		return sleep(ctx, pause)
	}
	told, ok := wait(ctx, d.w.pace.rest/2+rand.N(d.w.pace.rest/2), d.sale.news.desk)
	if told {
		d.quiet = 0
	}
	return ok
}

// turn reads events and stores them, all in one of the few places, so that no more is in memory than can be stored. If that
// did not work it is stuck with what is in hand: the place is not kept while others could have it.
func (d *desk) turn(ctx context.Context) (stuck bool, err error) {
	select {
	case d.w.desks <- struct{}{}:
		defer func() { <-d.w.desks }()
	case <-ctx.Done():
		return false, nil
	}
	d.lookOnce(ctx)
	if err := d.read(ctx); err != nil || len(d.hand) == 0 {
		return false, errors.Join(err, d.trim(ctx))
	}
	d.quiet, d.failed = 0, 0
	if d.storeHand() != nil {
		return true, nil
	}
	return false, d.trim(ctx)
}

// read takes events in hand.
func (d *desk) read(ctx context.Context) error {
	events, err := d.ask(ctx)
	if err != nil {
		return err
	}
	for _, ev := range events {
		if err := d.learn(ctx, ev.Birth); err != nil {
			d.hand = nil // nothing is lost: they come back by being taken over
			return err
		}
		d.hand = append(d.hand, heard{ev, d.held})
	}
	return nil
}

// ask prefers what others have left lying.
func (d *desk) ask(ctx context.Context) ([]luascripts.Event, error) {
	if now := time.Now(); now.Sub(d.checked) >= d.w.pace.checkIdle {
		events, err := d.w.store.TakeOver(ctx, d.sale.name, d.w.group, d.w.pace.idle, d.count)
		d.w.meters.takeovers.Add(float64(len(events)))
		if err != nil || len(events) > 0 {
			return events, err
		}
		d.checked = now
	}
	return d.w.store.ReadEvents(ctx, d.sale.name, d.w.group, d.count)
}

// learn finds out whether the sale of this birth has a hold. One that is gone by now is taken to have one: its claims say
// until when.
func (d *desk) learn(ctx context.Context, birth uint64) error {
	if birth == d.birth {
		return nil
	}
	shown, err := d.w.store.Show(ctx, d.sale.name)
	if err != nil && !errors.Is(err, luascripts.ErrNoSale) {
		return err
	}
	d.birth, d.held = birth, shown.Birth != birth || shown.Hold > 0
	return nil
}

// storeHand stores what is in hand, a batch after the other, until one fails.
func (d *desk) storeHand() error {
	for d.batch != nil || len(d.hand) > 0 {
		if d.batch == nil {
			d.batch = d.cut()
		}
		if err := d.try(d.batch); err != nil {
			return err
		}
		d.batch = nil
	}
	d.hand = nil // not only empty: what it was cut from may be large
	return nil
}

// cut puts the first events in hand into rows and messages, until there is a batch of rows. How many of them it took says
// how many to ask for: but what comes then may be events of one row, or of hundreds. No event is split.
func (d *desk) cut() *batch {
	b := &batch{whole: true}
	for len(d.hand) > 0 && len(b.entry.Rows) < d.w.cfg.Batch {
		ev := d.hand[0]
		d.hand = d.hand[1:]
		if err := b.entry.enter(d.sale.name, ev.Event, ev.held, d.w.sender != nil); err != nil {
			d.w.meters.parked.Inc()
			d.log.Error().Err(err).Str("event", ev.ID).Uint64("number", ev.Number).Msg("event parked: see table parked_events")
		}
		b.ids = append(b.ids, ev.ID)
	}
	rows := max(len(b.entry.Rows), 1)
	d.count = min(max(d.w.cfg.Batch*len(b.ids)/rows, 1), d.w.cfg.Batch)
	b.entry.Rows = mergeRows(b.entry.Rows)
	return b
}

// try stores and acknowledges. Stored but not acknowledged it comes again, and changes nothing.
func (d *desk) try(b *batch) error {
	if !b.stored {
		if err := d.store(b); err != nil {
			return err
		}
	}
	if !d.w.binding.holds() {
		return errUnbound
	}
	err := d.w.store.AckEvents(d.w.grace, d.sale.name, d.w.group, b.ids)
	var refused *luascripts.Refusal
	if errors.As(err, &refused) { // the stream is gone
		err = nil
	}
	if err != nil {
		d.w.noteStore(d.sale, d.who, err)
		return err
	}
	d.dirty = true
	return nil
}

// store is the transaction, or several where the book refuses it as one.
func (d *desk) store(b *batch) error {
	d.look(b.entry.Orders)
	err := error(nil)
	if b.whole {
		err = d.enter(b.entry)
	}
	if !b.whole || errors.Is(err, ErrRefused) {
		b.whole = false
		err = d.place(b.entry.Orders, b.entry.Parked)
	}
	if err != nil {
		return err
	}
	b.stored = true
	d.past.note(b.entry.Orders)
	return nil
}

// enter is one transaction. It is not cut short by the end of the sale or of the worker, only by its own time.
func (d *desk) enter(e Entry) error {
	now := time.Now()
	for i := range e.Deliveries {
		e.Deliveries[i].NextAt = now
	}
	ctx, cancel := context.WithTimeout(d.w.grace, d.w.pace.statement)
	defer cancel()
	err := d.w.book.Enter(ctx, e)
	if errors.Is(err, ErrRefused) && len(e.Orders) > 0 { // it answers, and it is not its fault
		d.w.bookTrouble.note(d.who, nil)
		return err
	}
	d.w.bookTrouble.note(d.who, err)
	if err != nil {
		d.w.stumbled.Add(1)
		d.w.meters.retries.Inc()
		return err
	}
	d.w.meters.batches.Inc()
	d.w.meters.rows.Add(float64(len(e.Rows)))
	if d.w.sender != nil && len(e.Deliveries) > 0 {
		d.w.sender.nudge()
	}
	return nil
}

// finish tries until what is in hand is stored; when the process is told to end, once more. What it gives up then another
// worker takes over, or this one's next run.
func (d *desk) finish(process context.Context) {
	for n := 1; ; n++ {
		over := !sleep(process, backoff(d.w.pace.retry, d.w.pace.retryMost, n))
		if d.tryInTurn() == nil {
			return
		}
		if over {
			d.log.Warn().Int("events", len(d.batch.ids)+len(d.hand)).Msg("stopped with events in hand: the stream still has them")
			return
		}
	}
}

func (d *desk) tryInTurn() error {
	select {
	case d.w.desks <- struct{}{}:
		defer func() { <-d.w.desks }()
		return d.storeHand()
	case <-d.w.grace.Done():
		return d.w.grace.Err()
	}
}

// trim lets the stream forget what has been stored.
func (d *desk) trim(ctx context.Context) error {
	if !d.dirty || time.Since(d.trimmed) < d.w.pace.look {
		return nil
	}
	d.trimmed = time.Now()
	err := d.w.store.TrimEvents(ctx, d.sale.name)
	d.dirty = err != nil
	return err
}
