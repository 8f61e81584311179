package crowd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"spike/bench"
)

// ErrOptions means that the options of a run are wrong.
var ErrOptions = fmt.Errorf("%w: crowd", bench.ErrUsage)

// Options of a run.
type Options struct {
	URLs        []string // connection i uses URLs[i % len(URLs)]
	Connections int      // 1..65536
	Requests    int64    // over all connections together
	Rate        float64  // requests per second, all together; 0: as fast as answers come (closed loop)

	For     time.Duration             // the run begins requests for so long, and those that it does not begin are unsent; 0: all
	Method  string                    // default GET
	Body    []byte                    // sent with every request
	Timeout time.Duration             // of one request, connecting included; default 5 s
	From    func(connection int) Dial // where a connection comes from; nil: the machine chooses

	// Dress, if set, may change the header of request number n (0..Requests-1) before it is sent, and its URI. Many connections
	// call it at once.
	Dress func(n int64, header *fasthttp.RequestHeader)

	// Heard, if set, gets every answer. Many connections call it at once. It must not keep the answer's header and body.
	Heard func(Answer)

	// OnProgress, if set, is called every ProgressEvery (default 200 ms) and once at the end, never twice at once.
	OnProgress    func(Progress)
	ProgressEvery time.Duration
}

// Progress is how far a run is.
type Progress struct {
	Done, Requests int64
	Elapsed        time.Duration
}

// BuyerHeader names a buyer, if a trusted proxy sends it.
const BuyerHeader = "X-Buyer-Id"

// Named dresses each request in the name of a buyer of its own: b0, b1 ...
var Named = NamedAfter("b")

// NamedAfter is Named for a crowd that nobody has seen before: its buyers' names begin with the crowd's.
func NamedAfter(crowd string) func(int64, *fasthttp.RequestHeader) {
	return func(n int64, h *fasthttp.RequestHeader) {
		var room [48]byte
		h.SetBytesV(BuyerHeader, strconv.AppendInt(append(room[:0], crowd...), n, 10))
	}
}

// filled returns the options with defaults, or the error in them.
func (o Options) filled() (Options, error) {
	const maxConnections = 1 << 16
	o.Method = cmp.Or(o.Method, fasthttp.MethodGet)
	o.Timeout = cmp.Or(max(o.Timeout, 0), 5*time.Second)
	o.ProgressEvery = cmp.Or(max(o.ProgressEvery, 0), 200*time.Millisecond)
	switch {
	case len(o.URLs) == 0:
		return o, fmt.Errorf("%w: no URL", ErrOptions)
	case o.Connections < 1 || o.Connections > maxConnections:
		return o, fmt.Errorf("%w: %d connections, not 1..%d", ErrOptions, o.Connections, maxConnections)
	case o.Requests < 0 || o.Rate < 0:
		return o, fmt.Errorf("%w: fewer requests than none", ErrOptions)
	}
	for _, u := range o.URLs {
		if _, _, err := Split(u); err != nil {
			return o, err
		}
	}
	return o, nil
}

// Split returns HOST:PORT of an http:// URL, and the rest.
func Split(text string) (host, path string, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" {
		return "", "", fmt.Errorf("%w: %q is not an http:// URL", ErrOptions, text)
	}
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "80")), u.RequestURI(), nil
}

// run is what all connections of a run share.
type run struct {
	Options
	begin    time.Time
	interval time.Duration // between due times in an open loop
	next     atomic.Int64  // number of the next request
	opened   atomic.Int64  // connections
	counts   []*tally
}

// Run sends o.Requests requests, or as many as it can begin within o.For. It returns when the last is answered or has failed, or
// when ctx has ended and the present requests are cut off. Its error is about the options, or ctx's. Transport errors are in the
// result.
func Run(ctx context.Context, o Options) (Result, error) {
	const tallies = 16 // how many counters the connections share
	o, err := o.filled()
	if err != nil {
		return Result{}, err
	}
	r := &run{Options: o, begin: time.Now()}
	if o.Rate > 0 {
		r.interval = time.Duration(float64(time.Second) / o.Rate)
	}
	for range min(tallies, o.Connections) {
		r.counts = append(r.counts, newTally())
	}
	var buyers, watcher sync.WaitGroup
	over := make(chan struct{})
	watcher.Go(func() { r.watch(over) })
	for i := range o.Connections {
		buyers.Go(func() { r.connection(ctx, i, r.counts[i%len(r.counts)]) })
	}
	buyers.Wait()
	elapsed := time.Since(r.begin)
	close(over)
	watcher.Wait()
	return r.result(elapsed), ctx.Err()
}

// connection sends requests until there are none left.
func (r *run) connection(ctx context.Context, i int, t *tally) {
	c := r.newConn(ctx, i)
	defer func() { c.Close(); r.opened.Add(c.opened) }()
	for ctx.Err() == nil {
		n := r.next.Add(1) - 1
		due := r.begin.Add(time.Duration(n) * r.interval)
		if n >= r.Requests || r.For > 0 && time.Since(r.begin) >= r.For || r.interval > 0 && !bench.Sleep(ctx, time.Until(due)) {
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
	const pause = 10 * time.Millisecond // keeps a connection from using up the run's requests while no server listens
	if r.Dress != nil {
		r.Dress(n, &c.request.Header)
	}
	a, err := c.send()
	if err != nil {
		t.failure(kindOf(ctx, err))
		if errors.Is(err, ErrUnsent) {
			bench.Sleep(ctx, pause)
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

// watch reports progress until the run is over, and once more then.
func (r *run) watch(over <-chan struct{}) {
	for more := r.OnProgress != nil; more; {
		select {
		case <-time.After(r.ProgressEvery):
		case <-over:
			more = false
		}
		p := Progress{Requests: r.Requests, Elapsed: time.Since(r.begin)}
		for _, t := range r.counts {
			p.Done += t.done()
		}
		r.OnProgress(p)
	}
}
