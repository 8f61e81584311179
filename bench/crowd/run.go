package crowd

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"spike/bench"
)

const (
	tallies      = 16                    // how many counters the connections share
	connectPause = 10 * time.Millisecond // keeps a connection from using up the run's requests while no server listens
)

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
	var all sync.WaitGroup
	for i := range o.Connections {
		all.Go(func() { r.connection(ctx, i, counts[i%len(counts)]) })
	}
	all.Wait()
	elapsed := time.Since(r.begin)
	stopProgress()
	return sum(counts, o.Requests, elapsed), ctx.Err()
}

// connection sends requests until there are none left.
func (r *run) connection(ctx context.Context, i int, t *tally) {
	c := r.newConn(ctx, i)
	defer func() { c.Close(); t.connect(c.opened) }()
	for ctx.Err() == nil {
		n, due, more := r.take()
		if !more || r.interval > 0 && !bench.Sleep(ctx, time.Until(due)) {
			return
		}
		r.one(ctx, c, n, due, t)
	}
}

func (r *run) newConn(ctx context.Context, i int) *Conn {
	u := r.URLs[i%len(r.URLs)]
	host, _, _ := Split(u) // checked by filled
	var dial Dial
	if r.From != nil {
		dial = r.From(i)
	}
	c := NewConn(ctx, host, r.Timeout, dial)
	c.request.Header.SetMethod(r.Method)
	c.request.SetRequestURI(u)
	c.request.SetBody(r.Body)
	return c
}

// one sends request number n and counts its result.
func (r *run) one(ctx context.Context, c *Conn, n int64, due time.Time, t *tally) {
	if r.Dress != nil {
		r.Dress(n, &c.request.Header)
	}
	a, err := c.send()
	if err != nil {
		t.failure(kindOf(ctx, err))
		if errors.Is(err, ErrUnsent) {
			bench.Sleep(ctx, connectPause)
		}
		return
	}
	took := a.Took
	if r.interval > 0 {
		took = time.Since(due)
	}
	t.answer(a, took)
	if r.Heard != nil {
		r.Heard(a)
	}
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
