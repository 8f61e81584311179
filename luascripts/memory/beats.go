package memory

import (
	"context"
	"sync"
	"time"

	"spike/luascripts/ledger"
)

// beats are the beats of the processes that share a Store: an edge and an order worker, mostly.
type beats struct {
	mu     sync.Mutex
	by     map[beater]heard
	streak ledger.Streak
}

type beater struct {
	kind     ledger.Kind
	instance string
}

type heard struct {
	ledger.Beat
	at time.Time
}

// Beat is ledger.Store's.
func (e *Store) Beat(ctx context.Context, b ledger.Beat) error {
	for _, gone := range e.beats.beat(b, e.clock()) {
		_ = e.Note(ctx, ledger.Silence(gone.Kind, gone.Instance, gone.Node))
	}
	return nil
}

// beat returns the beats that ended.
func (s *beats) beat(b ledger.Beat, now time.Time) (ended []ledger.Beat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by[beater{b.Kind, b.Instance}] = heard{b, now}
	if !s.streak.Beat(now) {
		return nil
	}
	for who, h := range s.by {
		if now.Sub(h.at) > ledger.BeatLasts {
			delete(s.by, who)
			ended = append(ended, h.Beat)
		}
	}
	return ended
}

// Leave is ledger.Store's.
func (e *Store) Leave(_ context.Context, b ledger.Beat) error {
	e.beats.mu.Lock()
	defer e.beats.mu.Unlock()
	delete(e.beats.by, beater{b.Kind, b.Instance})
	return nil
}

// Beats is ledger.Store's.
func (e *Store) Beats(context.Context) ([]ledger.Beat, error) {
	e.beats.mu.Lock()
	defer e.beats.mu.Unlock()
	now := e.clock()
	var all []ledger.Beat
	for _, h := range e.beats.by {
		if age := now.Sub(h.at); age <= ledger.BeatLasts {
			b := h.Beat
			b.Age = age.Microseconds()
			all = append(all, b)
		}
	}
	ledger.OrderBeats(all)
	return all, nil
}

// Holders is ledger.Store's.
func (e *Store) Holders(_ context.Context, sale string) (ledger.Holders, error) {
	return with(e, sale, func(t *Twin, raw int64) (ledger.Holders, error) { return t.Holders(raw) })
}
