package shard

import (
	"slices"
	"sync/atomic"
)

// reserve is the filled ranges that no lane has yet, oldest first. The oldest lease ends first, so it should sell first. Stock.mu
// guards everything; only total may be read without it.
//
// Ranges are cut, never joined, because two neighbours may belong to different leases.
type reserve struct {
	ranges []Range // none is empty
	total  atomic.Uint64
}

func (v *reserve) add(r Range) {
	if r.Len() == 0 {
		return
	}
	v.ranges = append(v.ranges, r)
	v.grow(r.Len())
}

// front removes up to n serials of the oldest range; Len 0 if there is none.
func (v *reserve) front(n uint32) Range {
	if len(v.ranges) == 0 {
		return Range{}
	}
	return v.cutFront(0, min(n, v.ranges[0].Len()))
}

// take removes n consecutive serials from the first range that has them.
func (v *reserve) take(n uint32) (first uint32, ok bool) {
	for i, r := range v.ranges {
		if r.Len() >= n {
			return v.cutFront(i, n).Start, true
		}
	}
	return 0, false
}

// drain removes up to max serials, the newest range first and tails first. It is the mirror of front: the serials that would be
// sold last are given back first.
func (v *reserve) drain(max uint64) (out []Range) {
	for max > 0 && len(v.ranges) > 0 {
		last := len(v.ranges) - 1
		r := &v.ranges[last]
		n := uint32(min(uint64(r.Len()), max))
		out = append(out, Range{Start: r.End - n, End: r.End})
		r.End -= n
		if r.Len() == 0 {
			v.ranges = v.ranges[:last]
		}
		v.shrink(n)
		max -= uint64(n)
	}
	return out
}

// withdraw removes every serial of r. One range may leave two pieces behind.
func (v *reserve) withdraw(r Range) (out []Range) {
	kept := make([]Range, 0, len(v.ranges)+1)
	for _, have := range v.ranges {
		got := have.meet(r)
		if got.Len() == 0 {
			kept = append(kept, have)
			continue
		}
		out = append(out, got)
		v.shrink(got.Len())
		kept = appendSome(kept, Range{have.Start, got.Start}, Range{got.End, have.End})
	}
	v.ranges = kept
	return out
}

func (v *reserve) cutFront(i int, n uint32) Range {
	r := &v.ranges[i]
	got := Range{Start: r.Start, End: r.Start + n}
	r.Start += n
	if r.Len() == 0 {
		v.remove(i)
	}
	v.shrink(n)
	return got
}

// remove is O(1) for the oldest range, which is the common case.
func (v *reserve) remove(i int) {
	if i == 0 {
		v.ranges = v.ranges[1:]
		return
	}
	v.ranges = slices.Delete(v.ranges, i, i+1)
}

func (v *reserve) grow(n uint32)   { v.total.Add(uint64(n)) }
func (v *reserve) shrink(n uint32) { v.total.Add(-uint64(n)) }

func appendSome(to []Range, ranges ...Range) []Range {
	for _, r := range ranges {
		if r.Len() > 0 {
			to = append(to, r)
		}
	}
	return to
}
