package ledger

import (
	"cmp"
	"fmt"
	"slices"

	"spike/shard"
)

// Audit is a sale's whole account. It counts every unit once, where the unit is: total = free + leased + limbo + pending +
// confirmed.
type Audit struct {
	Sale       string   `json:"sale"`
	Total      uint64   `json:"total"`
	Free       uint64   `json:"free"`
	Leased     uint64   `json:"leased"`
	Limbo      uint64   `json:"limbo"`
	Pending    uint64   `json:"pending"`
	Confirmed  uint64   `json:"confirmed"`
	OK         bool     `json:"ok"`
	Scanned    bool     `json:"census"` // every owner was read; else the sale moved, and owners are as the counters say
	Violations []string `json:"violations"`
}

// Holdings is what an audit compares: the counters (Head) and the things they count, at one moment.
type Holdings struct {
	Head      Head
	Owned     uint64 // serials with an owner
	Prior     uint64 // the serials 1..Prior were sold elsewhere
	Collected uint64 // units that winners of a draw have collected
	Trouble   string
	Free      Ranges
	Ranges    int      // free ranges, as Redis counts them
	Indexed   int      // free ranges in the index by length; negative: there is no index, or it is being rebuilt
	Misplaced []string // free ranges whose length is wrong in that index
	Leases    map[uint64]HeldLease
	Owners    *OwnerScan // nil: the sale moved too fast to read every owner
	Booked    bool       // the sale moved too fast to count what is free and leased, so the counters stand for it
}

// HeldLease is a lease and the ranges left in it.
type HeldLease struct {
	Fence uint64
	Limbo bool
	Rest  Ranges
}

// OwnerScan counts the owners by state, and lists the serials that are also free, leased or sold elsewhere.
type OwnerScan struct {
	Pending, Confirmed uint64
	Twice              []uint32
}

// Audit compares the counters with the things they count.
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
	if h.Owners != nil {
		a.Scanned, a.Pending, a.Confirmed = true, h.Owners.Pending, h.Owners.Confirmed+h.Prior
	}
	a.compare(h)
	if !h.Booked {
		a.overlaps(h)
		a.index(h)
	}
	a.OK = len(a.Violations) == 0
	return a
}

// maxViolations is the most violations that one audit names.
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

// index compares the set of free ranges with the index of their lengths.
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

// Still says that no unit moved between two answers. Gen grows when a unit comes back to the free stock, so a unit that left
// and a unit that came back cannot cancel each other out.
func (h Head) Still(now Head) bool {
	return h.Birth == now.Birth && h.Total == now.Total && h.Gen == now.Gen && h.Free == now.Free && h.Leased == now.Leased &&
		h.Limbo == now.Limbo && h.Pending == now.Pending && h.Confirmed == now.Confirmed
}

// Unowned is every serial that is free, leased or in limbo.
func (h Holdings) Unowned() RangeSet {
	list := slices.Clone(h.Free)
	for _, l := range h.Leases {
		list = append(list, l.Rest...)
	}
	slices.SortFunc(list, func(x, y shard.Range) int { return cmp.Compare(x.Start, y.Start) })
	return RangeSet{list: list} // overlaps reports a serial that is there twice
}

// overlaps finds serials that are in two places at once.
func (a *Audit) overlaps(h Holdings) {
	type piece struct {
		shard.Range
		name string
	}
	var all []piece
	for _, r := range h.Free {
		all = append(all, piece{r, "free"})
	}
	for _, l := range h.Leases {
		for _, r := range l.Rest {
			all = append(all, piece{r, fmt.Sprintf("lease %d", l.Fence)})
		}
	}
	if h.Prior > 0 {
		all = append(all, piece{shard.Range{Start: 1, End: uint32(h.Prior) + 1}, "sold elsewhere"})
	}
	slices.SortFunc(all, func(x, y piece) int { return int(int64(x.Start) - int64(y.Start)) })
	for i, p := range all {
		if i > 0 && p.Start < all[i-1].End {
			a.blame("serial %d is in %s and in %s", p.Start, all[i-1].name, p.name)
		}
		if uint64(p.End) > h.Head.Total+1 {
			a.blame("serial %d in %s is beyond the total", p.End-1, p.name)
		}
	}
	if h.Owners != nil {
		for _, s := range h.Owners.Twice {
			a.blame("serial %d has an owner and lies elsewhere too", s)
		}
	}
}
