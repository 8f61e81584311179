package ledger

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

// Holdings is what an audit looks at: the counters (Head), and the things they count, at one moment.
type Holdings struct {
	Head      Head
	Owned     uint64 // serials with an owner
	Prior     uint64 // serials 1..prior were sold elsewhere
	Collected uint64 // lots
	Trouble   string
	Free      Ranges
	Ranges    int      // of free, as Redis counts them
	Indexed   int      // and as the index by length does; negative: it has none, or makes it anew
	Misplaced []string // free ranges of another length there
	Leases    map[uint64]HeldLease
	Census    *Census // nil: the sale moved too fast to look at every owner
	Booked    bool    // and too fast to look at all that is free and leased
}

// HeldLease is what is left of a lease.
type HeldLease struct {
	Fence uint64
	Limbo bool
	Rest  Ranges
}

// Census is the owners by state, and the serials that lie elsewhere too.
type Census struct {
	Pending, Confirmed uint64
	Twice              []uint32
}

// Audit compares all that was counted.
func (h Holdings) Audit(sale string) Audit {
	a := Audit{Sale: sale, Total: h.Head.Total, Free: h.Free.Len(), Pending: h.Head.Pending,
		Confirmed: h.Head.Confirmed, Violations: []string{}}
	for _, l := range h.Leases {
		if l.Limbo {
			a.Limbo += l.Rest.Len()
		} else {
			a.Leased += l.Rest.Len()
		}
	}
	if h.Booked {
		a.Free, a.Leased, a.Limbo = h.Head.Free, h.Head.Leased, h.Head.Limbo
	}
	if h.Census != nil {
		a.Census, a.Pending, a.Confirmed = true, h.Census.Pending, h.Census.Confirmed+h.Prior
	}
	a.compare(h)
	if !h.Booked {
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

func (a *Audit) compare(h Holdings) {
	if h.Trouble != "" {
		a.blame("%s", h.Trouble)
	}
	for _, c := range []struct {
		name            string
		counted, booked uint64
	}{
		{"free", a.Free, h.Head.Free}, {"leased", a.Leased, h.Head.Leased}, {"limbo", a.Limbo, h.Head.Limbo},
		{"pending", a.Pending, h.Head.Pending}, {"confirmed", a.Confirmed, h.Head.Confirmed},
		{"owned serials and units sold elsewhere", h.Owned + h.Prior, h.Head.Owned()},
	} {
		if c.counted != c.booked {
			a.blame("%s: %d counted, %d booked", c.name, c.counted, c.booked)
		}
	}
	if l := h.Head.Lots; l.Kept > h.Head.Free {
		a.blame("lots: %d units kept, %d free", l.Kept, h.Head.Free)
	} else if l.Kept+h.Collected > l.Winners {
		a.blame("lots: %d units kept, %d collected, %d won", l.Kept, h.Collected, l.Winners)
	}
	if sum := a.Free + a.Leased + a.Limbo + a.Pending + a.Confirmed; sum != a.Total {
		a.blame("free + leased + limbo + pending + confirmed = %d, total is %d", sum, a.Total)
	}
}

// index compares the two indexes of what is free.
func (a *Audit) index(h Holdings) {
	if h.Indexed < 0 {
		return
	}
	if len(h.Free) != h.Ranges || h.Indexed != h.Ranges {
		a.blame("free ranges: %d, by length %d, %d found", h.Ranges, h.Indexed, len(h.Free))
	}
	for _, r := range h.Misplaced {
		a.blame("free range %s is not known by its length", r)
	}
}

// Still says that no unit has moved between two looks: whatever comes back to the free stock makes gen grow, and nothing else
// makes up for what leaves it.
func (h Head) Still(now Head) bool {
	return h.Birth == now.Birth && h.Total == now.Total && h.Gen == now.Gen && h.Free == now.Free && h.Leased == now.Leased &&
		h.Limbo == now.Limbo && h.Pending == now.Pending && h.Confirmed == now.Confirmed
}

// Places is every serial that is free or leased.
func (h Holdings) Places() RangeSet {
	list := slices.Clone(h.Free)
	for _, l := range h.Leases {
		list = append(list, l.Rest...)
	}
	slices.SortFunc(list, func(x, y shard.Range) int { return cmp.Compare(x.Start, y.Start) })
	return RangeSet{list: list} // what lies in two places is overlaps' business
}

// overlaps finds serials that lie in two places at once.
func (a *Audit) overlaps(h Holdings) {
	type place struct {
		shard.Range
		name string
	}
	var all []place
	for _, r := range h.Free {
		all = append(all, place{r, "free"})
	}
	for _, l := range h.Leases {
		for _, r := range l.Rest {
			all = append(all, place{r, fmt.Sprintf("lease %d", l.Fence)})
		}
	}
	if h.Prior > 0 {
		all = append(all, place{shard.Range{Start: 1, End: uint32(h.Prior) + 1}, "sold elsewhere"})
	}
	slices.SortFunc(all, func(x, y place) int { return int(int64(x.Start) - int64(y.Start)) })
	for i, p := range all {
		if i > 0 && p.Start < all[i-1].End {
			a.blame("serial %d is in %s and in %s", p.Start, all[i-1].name, p.name)
		}
		if uint64(p.End) > h.Head.Total+1 {
			a.blame("serial %d in %s is beyond the total", p.End-1, p.name)
		}
	}
	if h.Census != nil {
		for _, s := range h.Census.Twice {
			a.blame("serial %d has an owner and lies elsewhere too", s)
		}
	}
}
