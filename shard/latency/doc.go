// Package latency counts how long things took, in buckets. Each CPU has its own lane of buckets, so that counting takes no lock
// and shares no cache line: Add costs some nanoseconds and allocates nothing.
//
// Buckets are two an octave: 1 us, 1.5 us, 2 us, 3 us, 4 us, 6 us and so on, up to 8.4 s. What took longer is in the last bucket.
// So a quantile is at most a half too high.
package latency
