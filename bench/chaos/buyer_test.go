//go:build chaos

package chaos

import (
	"testing"
	"time"

	"spike/bench/crowd"
)

// buyer buys from one edge, in runs that need no crowd. It buys one after another and notes every win.
type buyer struct {
	s     *shop
	conn  *crowd.Conn
	begun time.Time
	told  []time.Duration // when each won buy was sent, since begun
}

func (s *shop) buyer(e *Edge) *buyer {
	b := &buyer{s: s, conn: crowd.NewConn(s.t.Context(), e.Buyers, s.timeout, nil), begun: time.Now()}
	s.t.Cleanup(b.conn.Close)
	return b
}

// buy buys once, and returns whether it won.
func (b *buyer) buy() bool {
	sent := time.Since(b.begun)
	a, err := b.conn.Ask("POST", "/buy/"+sale)
	if err != nil {
		return false
	}
	word, _ := bought(a)
	if word == Won {
		b.told = append(b.told, sent)
	}
	return word == Won
}

// wins buys until it has won so often, or a buy is not won. It returns how often it has won.
func (b *buyer) wins(most int) (n int) {
	for n < most && b.buy() {
		n++
	}
	return n
}

// after counts the wins that were asked for after a moment.
func (b *buyer) after(when time.Time) (n int) {
	for _, at := range b.told {
		if at > when.Sub(b.begun) {
			n++
		}
	}
	return n
}

// prime buys, so that the edge sees demand and leases ahead. In the end all told wins are settled. It returns how many units
// are leased.
func (b *buyer) prime(wins int) (leased uint64) {
	b.s.t.Helper()
	within(b.s.t, patient, "the edge sells", b.buy)
	b.wins(wins)
	within(b.s.t, patient, "all that was told is settled", func() bool {
		a, known := Audit(b.s.t, b.s.redis, sale)
		leased = a.Leased
		return known && a.Pending >= uint64(len(b.told))
	})
	return leased
}

// recorded waits until the ledger knows of all told wins.
func recorded(t testing.TB, redis string, told int) {
	t.Helper()
	within(t, patient, "every win is in the ledger", func() bool {
		a, known := Audit(t, redis, sale)
		return known && a.Pending >= uint64(told)
	})
}
