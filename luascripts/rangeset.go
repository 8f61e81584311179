package luascripts

import (
	"slices"
	"sort"

	"spike/shard"
)

// rangeSet is serials as sorted ranges that do not overlap; add joins what touches.
type rangeSet struct{ list Ranges }

func (s *rangeSet) len() uint64 { return s.list.Len() }

// find is the index of the first range that ends after serial.
func (s *rangeSet) find(serial uint32) int {
	return sort.Search(len(s.list), func(i int) bool { return s.list[i].End > serial })
}

func (s *rangeSet) has(serial uint32) bool {
	i := s.find(serial)
	return i < len(s.list) && s.list[i].Start <= serial
}

// add puts in a range of which no serial is there yet.
func (s *rangeSet) add(r shard.Range) {
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
func (s *rangeSet) takeLowest(n uint64, most int) (got Ranges) {
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
func (s *rangeSet) takeRun(n uint32, search int) (first uint32, ok bool) {
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
func (s *rangeSet) cut(r shard.Range) bool {
	i := s.find(r.Start)
	if i == len(s.list) || s.list[i].Start > r.Start || s.list[i].End < r.End {
		return false
	}
	old := s.list[i]
	parts := make(Ranges, 0, 2)
	for _, p := range (Ranges{{Start: old.Start, End: r.Start}, {Start: r.End, End: old.End}}) {
		if p.Start < p.End {
			parts = append(parts, p)
		}
	}
	s.list = slices.Replace(s.list, i, i+1, parts...)
	return true
}

// cutAll takes out what is there of r.
func (s *rangeSet) cutAll(r shard.Range) (got Ranges) {
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
