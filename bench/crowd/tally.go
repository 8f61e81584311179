package crowd

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// tally counts for a few connections. A run has some tallies: so connections seldom meet at one, and a thousand connections
// do not need a thousand histograms.
type tally struct {
	mu       sync.Mutex
	answered int64
	failed   int64
	connects int64
	statuses map[int]int64
	codes    map[int]int64
	kinds    map[string]int64
	latency  *hdrhistogram.Histogram // microseconds
}

const (
	minLatencyUs = 1
	maxLatencyUs = int64(60 * time.Second / time.Microsecond)
)

func newTally() *tally {
	return &tally{statuses: map[int]int64{}, codes: map[int]int64{}, kinds: map[string]int64{},
		latency: hdrhistogram.New(minLatencyUs, maxLatencyUs, 3)}
}

func (t *tally) answer(a Answer, took time.Duration) {
	code, hasCode := a.Code()
	us := min(max(took.Microseconds(), minLatencyUs), maxLatencyUs)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answered++
	t.statuses[a.Status]++
	if hasCode {
		t.codes[code]++
	}
	_ = t.latency.RecordValue(us) // within its range: it cannot fail
}

func (t *tally) failure(kind string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed++
	t.kinds[kind]++
}

func (t *tally) connect(times int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.connects += times
}

func (t *tally) done() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.answered + t.failed
}

// sum adds up all tallies of a finished run.
func sum(tallies []*tally, requests int64, elapsed time.Duration) Result {
	all := newTally()
	for _, t := range tallies {
		all.answered += t.answered
		all.failed += t.failed
		all.connects += t.connects
		add(all.statuses, t.statuses)
		add(all.codes, t.codes)
		add(all.kinds, t.kinds)
		all.latency.Merge(t.latency)
	}
	return Result{
		Requests: requests, Answered: all.answered, Errors: all.failed, Unsent: requests - all.answered - all.failed,
		Elapsed: elapsed, Connects: all.connects,
		Statuses: all.statuses, Codes: all.codes, ErrorKinds: all.kinds, Latency: percentiles(all.latency),
	}
}

func add[K comparable](into, from map[K]int64) {
	for k, n := range from {
		into[k] += n
	}
}

func percentiles(h *hdrhistogram.Histogram) Latency {
	at := func(p float64) time.Duration { return time.Duration(h.ValueAtPercentile(p)) * time.Microsecond }
	return Latency{P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: time.Duration(h.Max()) * time.Microsecond}
}
