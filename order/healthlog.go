package order

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"spike/luascripts/ledger"
)

// healthLog is the health log of a part: it logs that the part fails, when that begins and now and then while it lasts, and when
// it is over. It does not log each failure, because many callers may fail at once. A caller's failure is over when that caller's
// own call succeeds, whatever other callers find.
type healthLog struct {
	log  zerolog.Logger
	part string

	mu       sync.Mutex
	failing  map[string]failure // by caller; empty: all is well
	loggedAt time.Time
	reported bool // a failure was logged
}

// failure is what is wrong for one caller.
type failure struct {
	since time.Time
	err   error // the newest
}

const logEvery = 10 * time.Second

func newHealthLog(log zerolog.Logger, part string) *healthLog {
	return &healthLog{log: log, part: part, failing: map[string]failure{}}
}

// note takes the outcome of a caller's call.
func (h *healthLog) note(who string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if was, known := h.failing[who]; err == nil {
		delete(h.failing, who)
	} else if known {
		h.failing[who] = failure{was.since, err}
	} else {
		h.failing[who] = failure{time.Now(), err}
	}
	switch {
	case err != nil && time.Since(h.loggedAt) >= logEvery:
		h.log.Warn().Err(err).Str("part", h.part).Str("for", who).Msg("something is wrong; it is tried again")
		h.loggedAt, h.reported = time.Now(), true
	case len(h.failing) == 0 && h.reported:
		h.log.Info().Str("part", h.part).Msg("well again")
		h.reported = false
	}
}

// forget removes a caller that makes no more calls. It logs nothing, because the state of the part is not known.
func (h *healthLog) forget(who string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.failing, who)
}

func (h *healthLog) well() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.failing) == 0
}

// lasting names a failure that has lasted for d or longer; "": none. If the store answers and replicas are missing, it says so
// first, as edges do.
func (h *healthLog) lasting(d time.Duration) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	for who, is := range h.failing {
		if time.Since(is.since) < d {
			continue
		}
		part := h.part
		if errors.Is(is.err, ledger.ErrReplicas) {
			part = ledger.WhyReplicas
		}
		return part + ": " + who + ": " + is.err.Error()
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

// backoff is the pause after the n-th failure in a row (from 1). It doubles, and half of it is random.
func backoff(first, most time.Duration, n int) time.Duration {
	d := most
	if n < 30 && first<<(n-1) < most {
		d = first << (n - 1)
	}
	return d/2 + rand.N(d/2+1)
}
