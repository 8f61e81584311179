package lab

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"spike/bench/crowd"
)

// buyTimeout is how long a buyer waits for an answer. By then TCP has sent a lost packet again several times.
const buyTimeout = 5 * time.Second

// heard is what a crowd has heard so far, beside [crowd.Wins].
type heard struct {
	Answered   int64 // complete answers of any kind
	Won        int64
	Undecided  int64
	Refused    int64         // no connection: nothing was sent
	Unanswered int64         // sent, and not answered: a unit may have been sold
	Wait       time.Duration // the longest time that one buyer waited for an answer, over all its attempts

	LastBad time.Time // the last time that a buyer heard neither yes nor no
	LastWin time.Time
	Final   time.Time // when a buyer first heard "sold out" for good
	LateWin time.Time // when the last winning request was sent
}

// failed counts requests without an answer.
func (h heard) failed() int64 { return h.Refused + h.Unanswered }

// throng is buyers in the clients' namespace. They buy until leave is called.
type throng struct {
	path  string
	pause time.Duration
	wins  crowd.Wins
	all   sync.WaitGroup
	home  chan struct{} // closed when they leave

	mu    sync.Mutex
	heard heard
}

// gather starts a crowd. If a buyer panics, it calls fail.
func (l *lab) gather(ctx context.Context, sale string, fail func(error)) *throng {
	t := &throng{path: "/buy/" + sale, pause: ms(l.Crowd.PauseMS), home: make(chan struct{})}
	for i := range l.Crowd.Kept + l.Crowd.Fresh {
		b := buyer{throng: t, conn: crowd.NewConn(ctx, l.Address.String()+":"+buyersPort, buyTimeout, l.buyers.Dial)}
		if i >= l.Crowd.Kept {
			b.header = []string{"Connection", "close"}
		}
		t.all.Go(func() {
			defer b.conn.Close()
			if err := together(ctx, b.stay); err != nil {
				fail(err)
			}
		})
	}
	return t
}

// leave stops all buyers, each after its answer, because a request on its way may be a sale.
func (t *throng) leave() {
	close(t.home)
	t.all.Wait()
}

// now is what they have heard so far.
func (t *throng) now() heard {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.heard
}

// buyer is one of a throng.
type buyer struct {
	*throng
	conn   *crowd.Conn
	header []string  // of each request
	since  time.Time // the first of the attempts that have no answer yet
}

// stay buys again and again.
func (b *buyer) stay(ctx context.Context) error {
	for {
		b.buy(ctx)
		select {
		case <-b.home:
			return nil
		case <-time.After(b.pause/2 + rand.N(b.pause)): // uneven, so that buyers do not keep step
		case <-ctx.Done():
			return nil
		}
	}
}

// buy is one attempt. The buyer waits until it has heard yes or no.
func (b *buyer) buy(ctx context.Context) {
	a, err := b.conn.Ask("POST", b.path, b.header...)
	if err != nil && ctx.Err() != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now, h, word := time.Now(), &b.heard, crowd.Unknown
	if err == nil {
		word, _ = b.wins.Note(a)
		h.Answered++
	}
	switch {
	case errors.Is(err, crowd.ErrUnsent):
		h.Refused++
	case err != nil:
		h.Unanswered++
	case word == crowd.Undecided:
		h.Undecided++
	case word == crowd.Won:
		h.Won, h.LastWin, h.LateWin = h.Won+1, now, later(h.LateWin, a.Sent)
	case word == crowd.SoldOut && h.Final.IsZero():
		h.Final = now
	}
	if b.since.IsZero() {
		b.since = a.Sent
	}
	if err != nil || word == crowd.Undecided {
		h.LastBad = now
		return
	}
	h.Wait, b.since = max(h.Wait, now.Sub(b.since)), time.Time{}
}

func later(a, b time.Time) time.Time {
	return slices.MaxFunc([]time.Time{a, b}, time.Time.Compare)
}
