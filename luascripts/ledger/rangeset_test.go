package ledger

import (
	"slices"
	"testing"

	"spike/shard"
)

// Take chooses ranges as lease.lua does, with and without a run.
func TestRangeSetTake(t *testing.T) {
	set := NewRangeSet(Ranges{{Start: 1, End: 2}, {Start: 5, End: 8}, {Start: 10, End: 12}, {Start: 20, End: 23},
		{Start: 30, End: 40}})
	for _, c := range []struct {
		n    uint64
		most int
		run  uint64
		want Ranges
	}{
		{2, 9, 2, Ranges{{Start: 10, End: 12}}},
		{4, 9, 1, Ranges{{Start: 1, End: 2}, {Start: 5, End: 8}}},
		{12, 9, 3, Ranges{{Start: 30, End: 40}}}, // two are too few for a buyer of three
	} {
		if got := set.Take(c.n, c.most, c.run); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if rest := set.Ranges(); !slices.Equal(rest, Ranges{shard.Range{Start: 20, End: 23}}) {
		t.Errorf("%v", rest)
	}
}
