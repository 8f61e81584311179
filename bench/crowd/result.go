package crowd

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

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

func (t *tally) done() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts.Answered + t.counts.Errors
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
