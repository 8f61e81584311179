package order

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// trouble says what is wrong with a part when it begins and now and then while it lasts, and when it is over; not each
// time, for many may try. What is wrong for one of them is over when it goes well for that one, whatever others find.
type trouble struct {
	log  zerolog.Logger
	part string

	mu    sync.Mutex
	wrong map[string]ill // for whom; empty: all is well
	said  time.Time
	told  bool // that something is wrong
}

// ill is what is wrong for somebody.
type ill struct {
	since time.Time
	err   error // the newest
}

const sayEvery = 10 * time.Second

func newTrouble(log zerolog.Logger, part string) *trouble {
	return &trouble{log: log, part: part, wrong: map[string]ill{}}
}

// note takes the outcome of somebody's call.
func (t *trouble) note(who string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if was, known := t.wrong[who]; err == nil {
		delete(t.wrong, who)
	} else if known {
		t.wrong[who] = ill{was.since, err}
	} else {
		t.wrong[who] = ill{time.Now(), err}
	}
	switch {
	case err != nil && time.Since(t.said) >= sayEvery:
		t.log.Warn().Err(err).Str("part", t.part).Str("for", who).Msg("something is wrong; it is tried again")
		t.said, t.told = time.Now(), true
	case len(t.wrong) == 0 && t.told:
		t.log.Info().Str("part", t.part).Msg("well again")
		t.told = false
	}
}

// forget is for somebody who calls no more: nothing is said of how the part is.
func (t *trouble) forget(who string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.wrong, who)
}

func (t *trouble) well() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.wrong) == 0
}

// lasting says what has been wrong for somebody for so long; "": nothing.
func (t *trouble) lasting(d time.Duration) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	for who, is := range t.wrong {
		if time.Since(is.since) >= d {
			return t.part + ": " + who + ": " + is.err.Error()
		}
	}
	return ""
}

// sleep waits; false: ctx is over.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// backoff is the pause after the n-th failure in a row (from 1): it doubles, and half of it is chance.
func backoff(first, most time.Duration, n int) time.Duration {
	d := most
	if n < 30 && first<<(n-1) < most {
		d = first << (n - 1)
	}
	return d/2 + rand.N(d/2+1)
}
