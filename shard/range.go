package shard

// Range is the serials Start <= s < End. A serial is 1..2^32-2, so every serial has an End that fits.
type Range struct{ Start, End uint32 }

// Len is the number of serials in r; 0 if r is empty or inside out.
func (r Range) Len() uint32 {
	if r.Start >= r.End {
		return 0
	}
	return r.End - r.Start
}

// meet is the serials that are in both; Len 0 if there are none.
func (r Range) meet(o Range) Range {
	return Range{Start: max(r.Start, o.Start), End: min(r.End, o.End)}
}

// valid says whether r may be filled: no serial 0, not inside out.
func (r Range) valid() bool { return r.Start >= 1 && r.Start <= r.End }
