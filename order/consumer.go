package order

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/rs/zerolog"

	"spike/luascripts/ledger"
)

// consumer stores the events of one sale. It reads some events, stores each batch of rows in one transaction, and acknowledges.
// It reads no more until all events in hand are stored. So events are stored in the order in which this worker got them.
type consumer struct {
	w    *Worker
	sale *sale
	log  zerolog.Logger
	who  string

	hand  []heard // read, and not in a batch yet
	batch *batch  // being stored; nil: none

	birth   uint64 // of the sale whose hold is known
	held    bool
	count   int // events to ask for: about a batch of rows
	checked time.Time
	trimmed time.Time
	dirty   bool // something was acknowledged since the last trim
	quiet   time.Duration
	failed  int // calls of the store that failed in a row
	past    past
}

// heard is an event in hand.
type heard struct {
	ledger.Event
	held bool // the sale of the event's birth has a hold
}

// batch is the rows of some events.
type batch struct {
	entry  Entry
	ids    []string
	stored bool
	whole  bool // the database has not refused it as one transaction
}

func newConsumer(w *Worker, s *sale) *consumer {
	return &consumer{w: w, sale: s, log: w.log.With().Str("sale", s.name).Logger(), who: "consumer of " + s.name,
		count: min(w.cfg.Batch, 32)}
}

// run works until the sale is gone. It then still stores the events in hand, unless the process ends.
func (c *consumer) run(life, process context.Context) {
	defer c.w.storeHealth.forget(c.who)
	defer c.w.databaseHealth.forget(c.who)
	select {
	case <-c.w.migrated:
	case <-life.Done():
		return
	}
	for life.Err() == nil {
		stuck, err := c.turn(life)
		if stuck {
			c.finish(process)
			continue
		}
		if !c.rest(life, c.pause(err)) {
			return
		}
	}
}

// pause is how long to wait when there was nothing to do. It grows while nothing happens.
func (c *consumer) pause(err error) time.Duration {
	c.w.noteStore(c.sale, c.who, err)
	if err != nil {
		c.failed++
		return backoff(c.w.pace.retry, c.w.pace.retryMost, c.failed)
	}
	c.failed = 0
	c.quiet = min(max(2*c.quiet, c.w.pace.quiet/16), c.w.pace.quiet)
	return c.quiet/2 + rand.N(c.quiet/2+1)
}

// rest waits for the pause. If the stream has nothing for anybody, it waits for news instead.
func (c *consumer) rest(ctx context.Context, pause time.Duration) bool {
	if c.failed > 0 || c.dirty || c.quiet < c.w.pace.quiet || !c.sale.news.isSettled() {
		return sleep(ctx, pause)
	}
	told, ok := wait(ctx, c.w.pace.rest/2+rand.N(c.w.pace.rest/2), c.sale.news.consumer)
	if told {
		c.quiet = 0
	}
	return ok
}

// turn reads events and stores them. It holds one of the few permits meanwhile, so memory never has more events than can be
// stored. If storing fails, the consumer is stuck with the events in hand, and the permit goes to others.
func (c *consumer) turn(ctx context.Context) (stuck bool, err error) {
	select {
	case c.w.storing <- struct{}{}:
		defer func() { <-c.w.storing }()
	case <-ctx.Done():
		return false, nil
	}
	c.lookOnce(ctx)
	if err := c.read(ctx); err != nil || len(c.hand) == 0 {
		return false, errors.Join(err, c.trim(ctx))
	}
	c.quiet, c.failed = 0, 0
	if c.storeHand() != nil {
		return true, nil
	}
	return false, c.trim(ctx)
}

// read takes events in hand.
func (c *consumer) read(ctx context.Context) error {
	events, err := c.ask(ctx)
	if err != nil {
		return err
	}
	for _, ev := range events {
		if err := c.learn(ctx, ev.Birth); err != nil {
			c.hand = nil // nothing is lost: the events are taken over later
			return err
		}
		c.hand = append(c.hand, heard{ev, c.held})
	}
	return nil
}

// ask prefers events that other workers have left.
func (c *consumer) ask(ctx context.Context) ([]ledger.Event, error) {
	if now := time.Now(); now.Sub(c.checked) >= c.w.pace.checkIdle {
		events, err := c.w.store.TakeOver(ctx, c.sale.name, c.w.group, c.w.pace.idle, c.count)
		c.w.meters.takeovers.Add(uint64(len(events)))
		if err != nil || len(events) > 0 {
			return events, err
		}
		c.checked = now
	}
	return c.w.store.ReadEvents(ctx, c.sale.name, c.w.group, c.count)
}

// learn finds out whether the sale of this birth has a hold. A sale that is gone counts as one with a hold, because its claims
// carry their ends.
func (c *consumer) learn(ctx context.Context, birth uint64) error {
	if birth == c.birth {
		return nil
	}
	shown, err := c.w.store.Show(ctx, c.sale.name)
	if err != nil && !errors.Is(err, ledger.ErrNoSale) {
		return err
	}
	c.birth, c.held = birth, shown.Birth != birth || shown.Hold > 0
	return nil
}

// storeHand stores the events in hand, one batch after another, until one fails.
func (c *consumer) storeHand() error {
	for c.batch != nil || len(c.hand) > 0 {
		if c.batch == nil {
			c.batch = c.cut()
		}
		if err := c.try(c.batch); err != nil {
			return err
		}
		c.batch = nil
	}
	c.hand = nil // the slice may keep a large array alive
	return nil
}

// cut turns the first events in hand into rows and messages, until there is a batch of rows. The number of events in the batch is
// the next count to ask for. That is an estimate: one event may have one row or hundreds. No event is split.
func (c *consumer) cut() *batch {
	b := &batch{whole: true}
	for len(c.hand) > 0 && len(b.entry.Rows) < c.w.cfg.Batch {
		ev := c.hand[0]
		c.hand = c.hand[1:]
		if err := b.entry.addEvent(c.sale.name, ev.Event, ev.held, c.w.sender != nil); err != nil {
			c.w.meters.parked.inc()
			c.log.Error().Err(err).Str("event", ev.ID).Uint64("number", ev.Number).Msg("event parked: see table parked_events")
		}
		b.ids = append(b.ids, ev.ID)
	}
	rows := max(len(b.entry.Rows), 1)
	c.count = min(max(c.w.cfg.Batch*len(b.ids)/rows, 1), c.w.cfg.Batch)
	b.entry.Rows = mergeRows(b.entry.Rows)
	return b
}

// try stores a batch and acknowledges it. A batch that is stored and not acknowledged comes again, and changes nothing.
func (c *consumer) try(b *batch) error {
	if !b.stored {
		if err := c.store(b); err != nil {
			return err
		}
	}
	if !c.w.binding.holds() {
		return errUnbound
	}
	err := c.w.store.AckEvents(c.w.grace, c.sale.name, c.w.group, b.ids)
	var refused *ledger.Refusal
	if errors.As(err, &refused) { // the stream is gone
		err = nil
	}
	if err != nil {
		c.w.noteStore(c.sale, c.who, err)
		return err
	}
	c.dirty = true
	return nil
}

// store is one transaction, or several where the database refuses the batch as one.
func (c *consumer) store(b *batch) error {
	c.look(b.entry.Orders)
	err := error(nil)
	if b.whole {
		err = c.save(b.entry)
	}
	if !b.whole || errors.Is(err, ErrRefused) {
		b.whole = false
		err = c.storeByHalves(b.entry.Orders, b.entry.Parked)
	}
	if err != nil {
		return err
	}
	b.stored = true
	for _, o := range b.entry.Orders {
		c.w.meters.stored.WithLabelValues(string(o.Event.Kind)).Inc()
	}
	c.past.note(b.entry.Orders)
	return nil
}

// save is one transaction. Only its own timeout ends it early, not the end of the sale or of the worker.
func (c *consumer) save(e Entry) error {
	now := time.Now()
	for i := range e.Deliveries {
		e.Deliveries[i].NextAt = now
	}
	ctx, cancel := context.WithTimeout(c.w.grace, c.w.pace.statement)
	defer cancel()
	err := c.w.repo.Save(ctx, e)
	c.w.meters.saved.Observe(time.Since(now).Seconds())
	if errors.Is(err, ErrRefused) && len(e.Orders) > 0 { // the database answers: it is well
		c.w.databaseHealth.note(c.who, nil)
		return err
	}
	c.w.databaseHealth.note(c.who, err)
	if err != nil {
		c.w.stumbled.Add(1)
		c.w.meters.retries.inc()
		return err
	}
	c.w.meters.batches.inc()
	c.w.meters.rows.Add(uint64(len(e.Rows)))
	if c.w.sender != nil && len(e.Deliveries) > 0 {
		c.w.sender.nudge()
	}
	return nil
}

// finish tries until the events in hand are stored. When the process is told to end, it tries once more. Another worker takes
// over what is left then, or the next run of this one.
func (c *consumer) finish(process context.Context) {
	for n := 1; ; n++ {
		over := !sleep(process, backoff(c.w.pace.retry, c.w.pace.retryMost, n))
		if c.tryInTurn() == nil {
			return
		}
		if over {
			c.log.Warn().Int("events", len(c.batch.ids)+len(c.hand)).Msg("stopped with events in hand: the stream still has them")
			return
		}
	}
}

func (c *consumer) tryInTurn() error {
	select {
	case c.w.storing <- struct{}{}:
		defer func() { <-c.w.storing }()
		return c.storeHand()
	case <-c.w.grace.Done():
		return c.w.grace.Err()
	}
}

// trim lets the stream forget stored events.
func (c *consumer) trim(ctx context.Context) error {
	if !c.dirty || time.Since(c.trimmed) < c.w.pace.look {
		return nil
	}
	c.trimmed = time.Now()
	err := c.w.store.TrimEvents(ctx, c.sale.name)
	c.dirty = err != nil
	return err
}
