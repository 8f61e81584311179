package luascripts

import (
	"slices"
	"sort"

	"spike/shard"
)

// RangeSet is serials as sorted ranges that do not overlap; add joins what touches.
type RangeSet struct{ list Ranges }

// NewRangeSet has the serials of ranges that do not overlap.
func NewRangeSet(ranges Ranges) (s RangeSet) {
	for _, r := range ranges {
		s.add(r)
	}
	return s
}

// Len counts the serials.
func (s *RangeSet) Len() uint64 { return s.list.Len() }

// Ranges are the serials, in order.
func (s *RangeSet) Ranges() Ranges { return slices.Clone(s.list) }

// CutAll takes out what is there of r, and returns it.
func (s *RangeSet) CutAll(r shard.Range) Ranges { return s.cutAll(r) }

// Without is what is not in ranges.
func (s *RangeSet) Without(ranges Ranges) Ranges {
	rest := RangeSet{list: s.Ranges()}
	for _, r := range ranges {
		rest.cutAll(r)
	}
	return rest.list
}

// find is the index of the first range that ends after serial.
func (s *RangeSet) find(serial uint32) int {
	return sort.Search(len(s.list), func(i int) bool { return s.list[i].End > serial })
}

func (s *RangeSet) has(serial uint32) bool {
	i := s.find(serial)
	return i < len(s.list) && s.list[i].Start <= serial
}

// add puts in a range of which no serial is there yet.
func (s *RangeSet) add(r shard.Range) {
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

// takeLowest cuts up to n serials in at most `most` ranges.
func (s *RangeSet) takeLowest(n uint64, most int) (got Ranges) {
	used := 0
	for n > 0 && len(got) < most && used < len(s.list) {
		r := &s.list[used]
		c := uint32(min(uint64(r.Len()), n))
		got = append(got, shard.Range{Start: r.Start, End: r.Start + c})
		r.Start += c
		n -= uint64(c)
		if r.Len() == 0 {
			used++
		}
	}
	s.list = slices.Delete(s.list, 0, used)
	return got
}

// takeRun cuts n consecutive serials from the first of `search` ranges that has them.
func (s *RangeSet) takeRun(n uint32, search int) (first uint32, ok bool) {
	for i := range s.list[:min(search, len(s.list))] {
		r := &s.list[i]
		if r.Len() < n {
			continue
		}
		first = r.Start
		r.Start += n
		if r.Len() == 0 {
			s.list = slices.Delete(s.list, i, i+1)
		}
		return first, true
	}
	return 0, false
}

// cut takes out r if one range holds all of it.
func (s *RangeSet) cut(r shard.Range) bool {
	i := s.find(r.Start)
	if i == len(s.list) || s.list[i].Start > r.Start || s.list[i].End < r.End {
		return false
	}
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

// cutAll takes out what is there of r.
func (s *RangeSet) cutAll(r shard.Range) (got Ranges) {
	for {
		i := s.find(r.Start)
		if i == len(s.list) || s.list[i].Start >= r.End {
			return got
		}
		piece := shard.Range{Start: max(r.Start, s.list[i].Start), End: min(r.End, s.list[i].End)}
		s.cut(piece)
		got = append(got, piece)
	}
}
