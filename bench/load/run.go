package load

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// tallies is how many counters the connections share.
const tallies = 16

// run is what all connections of a run share.
type run struct {
	Options
	begin    time.Time
	interval time.Duration // between due times in an open loop
	next     atomic.Int64  // number of the next request
}

// Run sends o.Requests requests, or as many as it can begin within o.For. It returns when the last is answered or has failed, or
// when ctx has ended and the present requests are cut off. Its error is about the options, or ctx's. Transport errors are in the
// result.
func Run(ctx context.Context, o Options) (Result, error) {
	o, err := o.filled()
	if err != nil {
		return Result{}, err
	}
	r := &run{Options: o, begin: time.Now()}
	if o.Rate > 0 {
		r.interval = time.Duration(float64(time.Second) / o.Rate)
	}
	counts := make([]*tally, min(tallies, o.Connections))
	for i := range counts {
		counts[i] = newTally()
	}
	stopProgress := r.watch(counts)
	r.connections(ctx, counts)
	elapsed := time.Since(r.begin)
	stopProgress()
	return sum(counts, o.Requests, elapsed), ctx.Err()
}

// connections runs every connection to its end.
func (r *run) connections(ctx context.Context, counts []*tally) {
	var wg sync.WaitGroup
	for i := range r.Connections {
		wg.Go(func() {
			c := newConn(r, r.URLs[i%len(r.URLs)], counts[i%len(counts)])
			defer c.close()
			stop := context.AfterFunc(ctx, c.interrupt)
			defer stop()
			c.loop(ctx)
		})
	}
	wg.Wait()
}

// take returns the number of the next request and when it is due. more is false when there are none left.
func (r *run) take() (n int64, due time.Time, more bool) {
	n = r.next.Add(1) - 1
	more = n < r.Requests && (r.For == 0 || time.Since(r.begin) < r.For)
	return n, r.begin.Add(time.Duration(n) * r.interval), more
}

// watch reports progress until stop is called, which reports once more.
func (r *run) watch(counts []*tally) (stop func()) {
	if r.OnProgress == nil {
		return func() {}
	}
	quit, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(r.ProgressEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				r.report(counts)
			case <-quit:
				r.report(counts)
				return
			}
		}
	}()
	return func() { close(quit); <-gone }
}

func (r *run) report(counts []*tally) {
	p := Progress{Requests: r.Requests, Elapsed: time.Since(r.begin)}
	for _, t := range counts {
		p.Done += t.done()
	}
	r.OnProgress(p)
}
