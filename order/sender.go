package order

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	sendMost     = 64 // taken from the database at a time
	sendAtOnce   = 8
	sendLease    = 2 * time.Minute // no other worker gets them for so long: more than sendMost / sendAtOnce * postTimeout
	maxAttempts  = 20              // then the message is parked: after 25 h on average, 34 h at most
	maxSendPause = 4 * time.Hour
	keepSent     = 72 * time.Hour // if an event is stored again within this time, its message is not sent again
	pruneMost    = 5_000
	countEvery   = 10 * time.Second
	maxErrorText = 200
)

// sender takes messages from the outbox to the endpoint. Storing orders never waits for it.
type sender struct {
	w        *Worker
	endpoint *endpoint
	news     chan struct{}
	health   *healthLog
	counted  time.Time
	due      atomic.Int64
	parked   atomic.Int64

	lastError atomic.Pointer[string] // of an attempt
}

func newSender(w *Worker) (*sender, error) {
	e, err := newEndpoint(w.cfg.Webhook, w.cfg.WebhookSecret, w.pace.webhook)
	if err != nil {
		return nil, err
	}
	return &sender{w: w, endpoint: e, news: make(chan struct{}, 1), health: newHealthLog(w.log, "webhook")}, nil
}

// nudge says that there is something to send.
func (s *sender) nudge() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

func (s *sender) backlog() (due, parked int64) { return s.due.Load(), s.parked.Load() }

func (s *sender) run(ctx context.Context) {
	defer s.endpoint.close()
	select {
	case <-s.w.migrated:
	case <-ctx.Done():
		return
	}
	for ctx.Err() == nil {
		s.keepHouse(ctx)
		more, err := s.round(ctx)
		if err != nil && ctx.Err() == nil {
			sleep(ctx, s.w.pace.retryMost)
			continue
		}
		if !more {
			s.wait(ctx)
		}
	}
}

func (s *sender) wait(ctx context.Context) {
	timer := time.NewTimer(s.w.pace.send)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-s.news:
	}
}

// round sends the messages that are due, as far as the endpoint has room. more says that there may be more.
func (s *sender) round(ctx context.Context) (more bool, err error) {
	room := s.endpoint.room(time.Now(), sendMost)
	if room == 0 {
		return false, nil
	}
	taking, cancel := context.WithTimeout(ctx, s.w.pace.statement)
	defer cancel()
	ds, err := s.w.repo.Take(taking, time.Now(), sendLease, room)
	if err != nil || len(ds) == 0 {
		return false, s.note(ctx, err)
	}
	s.sendAll(ctx, ds)
	// The outcome is stored even if the worker ends. Otherwise the message would be sent again.
	marking, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.w.pace.lastTry)
	defer cancel()
	return len(ds) == room, s.note(ctx, s.w.repo.Mark(marking, ds))
}

// note takes the database's answer, unless the end of the worker has cut the call short.
func (s *sender) note(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		s.w.databaseHealth.note("sender", err)
	}
	return err
}

// sendAll sends sendAtOnce at a time, until all are sent or the endpoint has no room.
func (s *sender) sendAll(ctx context.Context, ds []Delivery) {
	var sending sync.WaitGroup
	var next atomic.Int64
	for range min(sendAtOnce, len(ds)) {
		sending.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(ds)); i = next.Add(1) - 1 {
				s.send(ctx, &ds[i])
			}
		})
	}
	sending.Wait()
}

// send tries one message. If the endpoint has been given up meanwhile, or the worker ends, the message is put back untried.
func (s *sender) send(ctx context.Context, d *Delivery) {
	now := time.Now()
	if ctx.Err() != nil || s.endpoint.room(now, 1) == 0 {
		d.NextAt = now
		return
	}
	a := s.endpoint.post(ctx, *d, now)
	if a.err != nil && ctx.Err() != nil { // the end of the worker cut it short: the endpoint is not to blame
		d.NextAt = now
		return
	}
	s.w.meters.posted.Observe(time.Since(now).Seconds())
	now = time.Now()
	s.endpoint.heard(a, now)
	s.health.note("sender", a.err)
	if a.status == http.StatusGone {
		s.w.log.Error().Msg("webhook: the endpoint says it is gone (410): nothing more is sent until this worker starts again")
	}
	d.heard(a, now, s.w.pace.webhook)
	s.count(d)
}

// heard moves a delivery on after an attempt.
func (d *Delivery) heard(a answer, now time.Time, first time.Duration) {
	d.Attempts++
	if a.err == nil {
		d.State, d.NextAt, d.Error = Delivered, now, ""
		return
	}
	d.Error = errorText(a.err)
	d.NextAt = now.Add(max(backoff(first, maxSendPause, d.Attempts), a.retryAfter))
	if d.Attempts >= maxAttempts {
		d.State = Parked
	}
}

// errorText is an error as a database takes it: short, valid UTF-8, and without zero bytes, which PostgreSQL refuses.
func errorText(err error) string {
	text := strings.ReplaceAll(err.Error(), "\x00", "")
	return strings.ToValidUTF8(text[:min(len(text), maxErrorText)], "")
}

func (s *sender) count(d *Delivery) {
	switch d.State {
	case Delivered:
		s.w.meters.delivered.inc()
	case Parked:
		s.w.meters.given.inc()
		s.w.log.Error().Str("id", d.ID).Str("sale", d.Sale).Msg("webhook: message parked, tried often enough")
	default:
		s.w.meters.failed.inc()
	}
	if d.State != Delivered {
		why := d.Error
		s.lastError.Store(&why)
	}
}

// keepHouse counts the deliveries, and deletes those that were delivered long ago.
func (s *sender) keepHouse(ctx context.Context) {
	if time.Since(s.counted) < countEvery {
		return
	}
	s.counted = time.Now()
	working, cancel := context.WithTimeout(ctx, s.w.pace.statement)
	defer cancel()
	due, parked, err := s.w.repo.Backlog(working)
	if err == nil {
		s.due.Store(due)
		s.parked.Store(parked)
		_, err = s.w.repo.Prune(working, time.Now().Add(-keepSent), pruneMost)
	}
	if ctx.Err() == nil {
		s.w.databaseHealth.note("outbox", err)
	}
}
