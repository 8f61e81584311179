package order

import (
	"context"
	"sync/atomic"
	"time"

	"spike/luascripts/ledger"
)

// news tells a sale's consumer and its sweeper that something was written. One look at all sales finds that out. Both rest while
// nothing is written, unread, unacknowledged or due.
type news struct {
	consumer, sweeper chan struct{}
	changes           atomic.Uint64 // changes seen in the ledger
	settled           atomic.Uint64 // one more than the changes seen when nothing was unread or unacknowledged
	mark              ledger.Mark
}

func newNews() news { return news{consumer: make(chan struct{}, 1), sweeper: make(chan struct{}, 1)} }

// isSettled says that nothing in the stream is unread or unacknowledged.
func (n *news) isSettled() bool { return n.settled.Load() == n.changes.Load()+1 }

// settles notes the result of a look at the stream. The look began after so many changes.
func (n *news) settles(changes uint64, lag ledger.Lag) {
	if lag.Unread == 0 && lag.Pending == 0 {
		n.settled.Store(changes + 1)
	}
}

// wake wakes the consumer and the sweeper.
func (n *news) wake() {
	n.changes.Add(1)
	for _, c := range []chan struct{}{n.consumer, n.sweeper} {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// listen looks at the marks of all sales every pace.look: one call for any number of sales, and no script.
func (v *supervisor) listen(ctx context.Context) {
	known, blind := "", false
	for sleep(ctx, v.w.pace.look) {
		sales := v.listed()
		names := make([]string, len(sales))
		for i, s := range sales {
			names[i] = s.name
		}
		marks, history, err := v.w.store.Marks(ctx, names)
		if ctx.Err() != nil {
			return
		}
		v.w.storeHealth.note("marks", err)
		if err != nil {
			blind = true
			continue
		}
		all := blind || history != known
		known, blind = history, false
		for i, s := range sales {
			if all || marks[i] != s.news.mark {
				s.news.mark = marks[i]
				s.news.wake()
			}
		}
	}
}

// wait is a sleep that news ends.
func wait(ctx context.Context, d time.Duration, told <-chan struct{}) (news, ok bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-told:
		news = true
	case <-ctx.Done():
	}
	return news, ctx.Err() == nil
}
