package gate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"spike/luascripts/ledger"
)

// Whether the flags agree with the ledger is one truth, which /readyz, spike_ready and the log tell. They agree while the store
// answers, the gate hears news and has asked about every sale since then, and the directory takes flags. A gate that is not ready
// opens sooner or later, so edges answer.

// unansweredFor is how long the store must fail to answer for a sale until that counts.
const unansweredFor = time.Second

// probe asks the store and tries the directory, because the next flag may be days away.
func (g *Gate) probe(ctx context.Context) error {
	if err := g.store.Willing(ctx); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.dir.willing()
}

// Unready names the part that is not ready; "": the flags agree with the ledger.
func (g *Gate) Unready(ctx context.Context) string {
	if err := g.pulse.Err(ctx); err != nil {
		return err.Error()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case !g.listening && g.why != "":
		return "news: they cannot be listened to: " + g.why
	case !g.listening:
		return "news: they are not listened to"
	case !g.listed:
		return "sales: they are not listed yet"
	case !g.censusLogged:
		return fmt.Sprintf("sales: %d of %d are not asked about yet", g.stale, len(g.sales))
	}
	for s, since := range g.unanswered {
		if time.Since(since) >= unansweredFor {
			return "store: it does not answer for sale " + s.name
		}
	}
	return ""
}

// heard takes the outcome of a call.
func (g *Gate) heard(s *sale, err error) {
	now := time.Now()
	g.counts.looks++
	if !errors.Is(err, ledger.ErrDown) {
		g.counts.last = now
		delete(g.unanswered, s)
	} else if _, known := g.unanswered[s]; !known {
		g.unanswered[s] = now
	}
}
