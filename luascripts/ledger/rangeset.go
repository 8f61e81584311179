package ledger

import (
	"cmp"
	"slices"
	"sort"

	"spike/shard"
)

// Ranges of serials, as the shards hold them.
type Ranges []shard.Range

// Len counts the serials.
func (rs Ranges) Len() (n uint64) {
	for _, r := range rs {
		n += uint64(r.Len())
	}
	return n
}

// RangeSet is a set of serials as sorted ranges that do not overlap. Add joins ranges that touch.
type RangeSet struct{ list Ranges }

// NewRangeSet has the serials of these ranges, which must not overlap.
func NewRangeSet(ranges Ranges) (s RangeSet) {
	for _, r := range ranges {
		s.Add(r)
	}
	return s
}

// Len counts the serials.
func (s *RangeSet) Len() uint64 { return s.list.Len() }

// Ranges are the ranges of the set, in order.
func (s *RangeSet) Ranges() Ranges { return slices.Clone(s.list) }

// Without is the set less these ranges.
func (s *RangeSet) Without(ranges Ranges) Ranges {
	rest := RangeSet{list: s.Ranges()}
	for _, r := range ranges {
		rest.CutAll(r)
	}
	return rest.list
}

// find is the index of the first range that ends after serial.
func (s *RangeSet) find(serial uint32) int {
	return sort.Search(len(s.list), func(i int) bool { return s.list[i].End > serial })
}

// Index is the index of the range that has a serial.
func (s *RangeSet) Index(serial uint32) int { return s.find(serial) }

// Range is range i.
func (s *RangeSet) Range(i int) shard.Range { return s.list[i] }

// Has says whether the set has a serial.
func (s *RangeSet) Has(serial uint32) bool {
	i := s.find(serial)
	return i < len(s.list) && s.list[i].Start <= serial
}

// Add adds a range. The set must have no serial of it.
func (s *RangeSet) Add(r shard.Range) {
	i := s.find(r.Start)
	joinsNext := i < len(s.list) && s.list[i].Start == r.End
	joinsLast := i > 0 && s.list[i-1].End == r.Start
	switch {
	case joinsLast && joinsNext:
		s.list[i-1].End = s.list[i].End
		s.list = slices.Delete(s.list, i, i+1)
	case joinsLast:
		s.list[i-1].End = r.End
	case joinsNext:
		s.list[i].Start = r.Start
	default:
		s.list = slices.Insert(s.list, i, r)
	}
}

// Take cuts up to n serials in at most `most` ranges, and returns them in order. Without a run it takes the lowest. With a
// run, it takes the shortest range that has all it still needs, or else the longest one, while such a range has `run`
// serials. If no range has `run` serials, Take ignores the run.
func (s *RangeSet) Take(n uint64, most int, run uint64) (got Ranges) {
	if n < run || s.next(n, run) < 0 {
		run = 1
	}
	for n >= run && n > 0 && len(got) < most {
		i := s.next(n, run)
		if i < 0 {
			break
		}
		piece := s.Front(i, n)
		got = append(got, piece)
		n -= uint64(piece.Len())
	}
	slices.SortFunc(got, func(a, b shard.Range) int { return cmp.Compare(a.Start, b.Start) })
	return got
}

// next is the index of the range that Take cuts next; -1: there is none.
func (s *RangeSet) next(n, run uint64) int {
	if run <= 1 {
		return min(0, len(s.list)-1)
	}
	if i := s.Fit(n); i >= 0 {
		return i
	}
	if i := s.longest(); i >= 0 && uint64(s.list[i].Len()) >= run {
		return i
	}
	return -1
}

// Fit is the index of the shortest range that has n serials, the lowest of equal ones; -1: no range has n.
func (s *RangeSet) Fit(n uint64) int {
	best := -1
	for i, r := range s.list {
		if l := uint64(r.Len()); l >= n && (best < 0 || r.Len() < s.list[best].Len()) {
			best = i
			if l == n {
				break
			}
		}
	}
	return best
}

// longest is the index of the longest range, the highest of equal ones; -1: there is none.
func (s *RangeSet) longest() int {
	best := -1
	for i, r := range s.list {
		if best < 0 || r.Len() >= s.list[best].Len() {
			best = i
		}
	}
	return best
}

// Front cuts up to n serials off the front of range i.
func (s *RangeSet) Front(i int, n uint64) shard.Range {
	r := &s.list[i]
	c := uint32(min(uint64(r.Len()), n))
	piece := shard.Range{Start: r.Start, End: r.Start + c}
	if r.Start += c; r.Len() == 0 {
		s.list = slices.Delete(s.list, i, i+1)
	}
	return piece
}

// Shift cuts the lowest ranges, up to n of them.
func (s *RangeSet) Shift(n int) (got Ranges) {
	n = min(n, len(s.list))
	got, s.list = s.list[:n:n], slices.Clone(s.list[n:])
	return got
}

// Contains says whether one range of the set has all of r.
func (s *RangeSet) Contains(r shard.Range) bool {
	i := s.find(r.Start)
	return i < len(s.list) && s.list[i].Start <= r.Start && r.End <= s.list[i].End
}

// Cut removes r if one range of the set has all of it.
func (s *RangeSet) Cut(r shard.Range) bool {
	if !s.Contains(r) {
		return false
	}
	i := s.find(r.Start)
	old := &s.list[i]
	switch {
	case *old == r:
		s.list = slices.Delete(s.list, i, i+1)
	case old.Start == r.Start:
		old.Start = r.End
	case old.End == r.End:
		old.End = r.Start
	default:
		rest := shard.Range{Start: r.End, End: old.End}
		old.End = r.Start
		s.list = slices.Insert(s.list, i+1, rest)
	}
	return true
}

// CutAll removes every serial of r that the set has, and returns them.
func (s *RangeSet) CutAll(r shard.Range) (got Ranges) {
	for {
		i := s.find(r.Start)
		if i == len(s.list) || s.list[i].Start >= r.End {
			return got
		}
		piece := shard.Range{Start: max(r.Start, s.list[i].Start), End: min(r.End, s.list[i].End)}
		s.Cut(piece)
		got = append(got, piece)
	}
}
