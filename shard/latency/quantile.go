package latency

import "time"

// Quantile is an upper bound of the q-quantile, 0 < q <= 1, of the durations that were counted. n may have fewer than Buckets
// buckets: the others are empty. It is false if nothing was counted. Above the last bound it is the last bound.
func Quantile(n []uint64, q float64) (time.Duration, bool) {
	total := uint64(0)
	for _, c := range n {
		total += c
	}
	if total == 0 {
		return 0, false
	}
	rank, seen := q*float64(total), uint64(0)
	for b, c := range n {
		if seen += c; float64(seen) >= rank && c > 0 {
			return Bound(min(b, Buckets-2)), true
		}
	}
	return Bound(Buckets - 2), true
}

// Trim is n without its empty buckets at the end.
func Trim(n []uint64) []uint64 {
	for len(n) > 0 && n[len(n)-1] == 0 {
		n = n[:len(n)-1]
	}
	return n
}
