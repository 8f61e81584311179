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

	"github.com/HdrHistogram/hdrhistogram-go"
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

// Result of a run. Requests = Answered + Errors + Unsent, always.
type Result struct {
	Requests int64         `json:"requests"` // asked for
	Answered int64         `json:"answered"` // got a complete HTTP answer, of whatever status
	Errors   int64         `json:"errors"`   // sent or not, without a complete answer
	Unsent   int64         `json:"unsent"`   // the run was cancelled first, or its time was over
	Elapsed  time.Duration `json:"elapsed_ns"`

	Statuses map[int]int64 `json:"statuses"` // answers by HTTP status
	Codes    map[int]int64 `json:"codes"`    // answers by the number under "code" in their JSON, where there is one
	// ErrorKinds counts errors by kind: "connect", "timeout", "closed", "protocol", and "cancelled" by the end of ctx.
	ErrorKinds map[string]int64 `json:"error_kinds"`
	Latency    Latency          `json:"latency"`  // of answers
	Connects   int64            `json:"connects"` // connections opened; more than Options.Connections if some broke
}

// Latency has percentiles. In an open loop they count from when a request was due, not from when it could be sent, so a
// server cannot hide a stall.
type Latency struct {
	P50  time.Duration `json:"p50_ns"`
	P90  time.Duration `json:"p90_ns"`
	P99  time.Duration `json:"p99_ns"`
	P999 time.Duration `json:"p999_ns"`
	Max  time.Duration `json:"max_ns"`
}

// PerSecond is answers per second.
func (r Result) PerSecond() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Answered) / r.Elapsed.Seconds()
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
	if o.From == nil {
		o.From = func(int) Dial { return nil }
	}
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
	done     atomic.Int64  // requests
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
	u := r.URLs[i%len(r.URLs)]
	host, _, _ := Split(u) // checked by filled
	c := NewConn(ctx, host, r.Timeout, r.From(i))
	c.request.Header.SetMethod(r.Method)
	c.request.SetRequestURI(u)
	c.request.SetBody(r.Body)
	defer func() { c.Close(); r.opened.Add(c.opened) }()
	for ctx.Err() == nil {
		n := r.next.Add(1) - 1
		due := r.begin.Add(time.Duration(n) * r.interval)
		if n >= r.Requests || r.For > 0 && time.Since(r.begin) >= r.For || r.interval > 0 && !bench.Sleep(ctx, time.Until(due)) {
			return
		}
		r.one(ctx, c, n, due, t)
		r.done.Add(1)
	}
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
		r.OnProgress(Progress{Done: r.done.Load(), Requests: r.Requests, Elapsed: time.Since(r.begin)})
	}
}

// tally counts for a few connections. A run has some tallies: so connections seldom meet at one, and a thousand connections
// do not need a thousand histograms.
type tally struct {
	mu      sync.Mutex
	counts  Result
	latency *hdrhistogram.Histogram // microseconds
}

const (
	minLatencyUs = 1
	maxLatencyUs = int64(60 * time.Second / time.Microsecond)
)

func newTally() *tally {
	return &tally{latency: hdrhistogram.New(minLatencyUs, maxLatencyUs, 3),
		counts: Result{Statuses: map[int]int64{}, Codes: map[int]int64{}, ErrorKinds: map[string]int64{}}}
}

func (t *tally) answer(a Answer, took time.Duration) {
	code, hasCode := a.Code()
	us := min(max(took.Microseconds(), minLatencyUs), maxLatencyUs)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Answered++
	t.counts.Statuses[a.Status]++
	if hasCode {
		t.counts.Codes[code]++
	}
	_ = t.latency.RecordValue(us) // within its range: it cannot fail
}

func (t *tally) failure(kind string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Errors++
	t.counts.ErrorKinds[kind]++
}

// result adds up all tallies of a finished run.
func (r *run) result(elapsed time.Duration) Result {
	sum := newTally()
	all := sum.counts
	for _, t := range r.counts {
		all.Answered += t.counts.Answered
		all.Errors += t.counts.Errors
		add(all.Statuses, t.counts.Statuses)
		add(all.Codes, t.counts.Codes)
		add(all.ErrorKinds, t.counts.ErrorKinds)
		sum.latency.Merge(t.latency)
	}
	all.Requests, all.Unsent, all.Elapsed, all.Connects = r.Requests, r.Requests-all.Answered-all.Errors, elapsed, r.opened.Load()
	at := func(p float64) time.Duration {
		return time.Duration(sum.latency.ValueAtPercentile(p)) * time.Microsecond
	}
	all.Latency = Latency{P50: at(50), P90: at(90), P99: at(99), P999: at(99.9),
		Max: time.Duration(sum.latency.Max()) * time.Microsecond}
	return all
}

func add[K comparable](into, from map[K]int64) {
	for k, n := range from {
		into[k] += n
	}
}
