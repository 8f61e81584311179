package order

import (
	"context"
	"sync/atomic"
	"time"

	"spike/luascripts"
)

// news is what a sale's consumer and sweeper are told by those who look at all sales at once: that something was written. Both
// rest while nothing is, and while nothing is unread, unacknowledged or due.
type news struct {
	consumer, sweeper chan struct{}
	changes           atomic.Uint64 // seen in the ledger
	settled           atomic.Uint64 // how many of them had been seen, and one, when nothing was unread or unacknowledged
	mark              luascripts.Mark
}

func newNews() news { return news{consumer: make(chan struct{}, 1), sweeper: make(chan struct{}, 1)} }

// isSettled says that the stream has nothing for anybody.
func (n *news) isSettled() bool { return n.settled.Load() == n.changes.Load()+1 }

// settles notes what a look at the stream, begun after so many changes, has come to.
func (n *news) settles(changes uint64, lag luascripts.Lag) {
	if lag.Unread == 0 && lag.Pending == 0 {
		n.settled.Store(changes + 1)
	}
}

// wake wakes both.
func (n *news) wake() {
	n.changes.Add(1)
	for _, c := range []chan struct{}{n.consumer, n.sweeper} {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// listen looks at the marks of all sales, again and again: one look for any number of them, and no script.
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
