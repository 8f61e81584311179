package luascripts

import (
	"cmp"
	"fmt"
	"slices"

	"spike/shard"
)

// Audit is a sale's whole account, every unit counted once where it lies:
// total = free + leased + limbo + pending + confirmed.
type Audit struct {
	Sale       string   `json:"sale"`
	Total      uint64   `json:"total"`
	Free       uint64   `json:"free"`
	Leased     uint64   `json:"leased"`
	Limbo      uint64   `json:"limbo"`
	Pending    uint64   `json:"pending"`
	Confirmed  uint64   `json:"confirmed"`
	OK         bool     `json:"ok"`
	Census     bool     `json:"census"` // every owner was looked at; else the sale moved, and they are as booked
	Violations []string `json:"violations"`
}

// holdings is what an audit looks at: the counters (head), and the things they count, at one moment.
type holdings struct {
	head      Head
	owned     uint64 // serials with an owner
	prior     uint64 // serials 1..prior were sold elsewhere
	collected uint64 // lots
	trouble   string
	free      Ranges
	ranges    int      // of free, as Redis counts them
	indexed   int      // and as the index by length does; negative: it has none, or makes it anew
	misplaced []string // free ranges of another length there
	leases    map[uint64]leaseHolding
	census    *census // nil: the sale moved too fast to look at every owner
	booked    bool    // and too fast to look at all that is free and leased
}

type leaseHolding struct {
	fence uint64
	limbo bool
	rem   Ranges
}

// census is the owners by state, and the serials that lie elsewhere too.
type census struct {
	pending, confirmed uint64
	twice              []uint32
}

func (h holdings) audit(sale string) Audit {
	a := Audit{Sale: sale, Total: h.head.Total, Free: h.free.Len(), Pending: h.head.Pending,
		Confirmed: h.head.Confirmed, Violations: []string{}}
	for _, l := range h.leases {
		if l.limbo {
			a.Limbo += l.rem.Len()
		} else {
			a.Leased += l.rem.Len()
		}
	}
	if h.booked {
		a.Free, a.Leased, a.Limbo = h.head.Free, h.head.Leased, h.head.Limbo
	}
	if h.census != nil {
		a.Census, a.Pending, a.Confirmed = true, h.census.pending, h.census.confirmed+h.prior
	}
	a.compare(h)
	if !h.booked {
		a.overlaps(h)
		a.index(h)
	}
	a.OK = len(a.Violations) == 0
	return a
}

// maxViolations is how many an audit names: who has more has seen enough.
const maxViolations = 50

func (a *Audit) blame(format string, args ...any) {
	if len(a.Violations) == maxViolations {
		return
	}
	a.Violations = append(a.Violations, fmt.Sprintf(format, args...))
}

func (a *Audit) compare(h holdings) {
	if h.trouble != "" {
		a.blame("%s", h.trouble)
	}
	for _, c := range []struct {
		name            string
		counted, booked uint64
	}{
		{"free", a.Free, h.head.Free}, {"leased", a.Leased, h.head.Leased}, {"limbo", a.Limbo, h.head.Limbo},
		{"pending", a.Pending, h.head.Pending}, {"confirmed", a.Confirmed, h.head.Confirmed},
		{"owned serials and units sold elsewhere", h.owned + h.prior, h.head.Owned()},
	} {
		if c.counted != c.booked {
			a.blame("%s: %d counted, %d booked", c.name, c.counted, c.booked)
		}
	}
	if l := h.head.Lots; l.Kept > h.head.Free {
		a.blame("lots: %d units kept, %d free", l.Kept, h.head.Free)
	} else if l.Kept+h.collected > l.Winners {
		a.blame("lots: %d units kept, %d collected, %d won", l.Kept, h.collected, l.Winners)
	}
	if sum := a.Free + a.Leased + a.Limbo + a.Pending + a.Confirmed; sum != a.Total {
		a.blame("free + leased + limbo + pending + confirmed = %d, total is %d", sum, a.Total)
	}
}

// index compares the two indexes of what is free.
func (a *Audit) index(h holdings) {
	if h.indexed < 0 {
		return
	}
	if len(h.free) != h.ranges || h.indexed != h.ranges {
		a.blame("free ranges: %d, by length %d, %d found", h.ranges, h.indexed, len(h.free))
	}
	for _, r := range h.misplaced {
		a.blame("free range %s is not known by its length", r)
	}
}

// Still says that no unit has moved between two looks: whatever comes back to the free stock makes gen grow, and nothing else
// makes up for what leaves it.
func (h Head) still(now Head) bool {
	return h.Birth == now.Birth && h.Total == now.Total && h.Gen == now.Gen && h.Free == now.Free && h.Leased == now.Leased &&
		h.Limbo == now.Limbo && h.Pending == now.Pending && h.Confirmed == now.Confirmed
}

// places is every serial that is free or leased.
func (h holdings) places() RangeSet {
	list := slices.Clone(h.free)
	for _, l := range h.leases {
		list = append(list, l.rem...)
	}
	slices.SortFunc(list, func(x, y shard.Range) int { return cmp.Compare(x.Start, y.Start) })
	return RangeSet{list: list} // what lies in two places is overlaps' business
}

// overlaps finds serials that lie in two places at once.
func (a *Audit) overlaps(h holdings) {
	type place struct {
		shard.Range
		name string
	}
	var all []place
	for _, r := range h.free {
		all = append(all, place{r, "free"})
	}
	for _, l := range h.leases {
		for _, r := range l.rem {
			all = append(all, place{r, fmt.Sprintf("lease %d", l.fence)})
		}
	}
	if h.prior > 0 {
		all = append(all, place{shard.Range{Start: 1, End: uint32(h.prior) + 1}, "sold elsewhere"})
	}
	slices.SortFunc(all, func(x, y place) int { return int(int64(x.Start) - int64(y.Start)) })
	for i, p := range all {
		if i > 0 && p.Start < all[i-1].End {
			a.blame("serial %d is in %s and in %s", p.Start, all[i-1].name, p.name)
		}
		if uint64(p.End) > h.head.Total+1 {
			a.blame("serial %d in %s is beyond the total", p.End-1, p.name)
		}
	}
	if h.census != nil {
		for _, s := range h.census.twice {
			a.blame("serial %d has an owner and lies elsewhere too", s)
		}
	}
}
