package allotment

import "time"

// Instant is one reading of both clocks, in nanoseconds: monotonic time since some start, and Unix wall time. A sleeping machine
// may stop the monotonic clock, and an operator may move the wall clock. So a lease must be alive by both.
type Instant struct{ Mono, Wall int64 }

// Add moves both clocks.
func (i Instant) Add(d time.Duration) Instant { return Instant{i.Mono + int64(d), i.Wall + int64(d)} }

// Before says whether i is earlier by the monotonic clock.
func (i Instant) Before(o Instant) bool { return i.Mono < o.Mono }

// Sub is i - o by the monotonic clock.
func (i Instant) Sub(o Instant) time.Duration { return time.Duration(i.Mono - o.Mono) }

// Clock reads both clocks at once.
type Clock func() Instant

// SystemClock counts its monotonic part from now.
func SystemClock() Clock {
	start := time.Now()
	return func() Instant {
		t := time.Now()
		return Instant{Mono: int64(t.Sub(start)), Wall: t.UnixNano()}
	}
}
