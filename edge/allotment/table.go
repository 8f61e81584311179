package allotment

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"sync/atomic"

	"spike/luascripts/ledger"
	"spike/shard"
)

// Term is how long a lease may be sold from, as of its last renewal. It is immutable.
type Term struct {
	sellMono, sellWall int64 // both clocks must be before
	deadline           int64 // the lease's deadline, in ledger time
	anchor             int64 // ledger time minus monotonic time, microseconds
}

// open says whether a promise may still be made at this moment.
func (t *Term) open(now Instant) bool { return now.Mono < t.sellMono && now.Wall < t.sellWall }

// Lease is what a taker needs to know about a lease. Only the term changes.
type Lease struct {
	fence uint64
	hold  int64 // microseconds
	term  atomic.Pointer[Term]
}

// end lets no taker promise anything under it any more.
func (l *Lease) end() { l.term.Store(&Term{}) }

// expiry is the end of a promise made now, in ledger time, and how long that is from now. It is after the hold, and never after
// the lease's deadline + hold.
func (l *Lease) expiry(t *Term, now Instant) (ledger, left int64) {
	today := t.anchor + now.Mono/1000
	ledger = min(today, t.deadline) + l.hold
	return ledger, ledger - today
}

// Table maps serials to leases. It is immutable, and the Keeper replaces it. Spans are sorted and do not overlap. A newer lease
// may cover serials of older ones, because the ledger leases a serial again only after it was resolved.
type Table struct {
	spans    []span
	replaced atomic.Int64 // monotonic time at which a newer Table replaced it; 0: never
}

type span struct {
	shard.Range
	lease *Lease
}

// find is the lease that holds a serial, or nil.
func (t *Table) find(serial uint32) *Lease {
	i := sort.Search(len(t.spans), func(i int) bool { return t.spans[i].End > serial })
	if i == len(t.spans) || t.spans[i].Start > serial {
		return nil
	}
	return t.spans[i].lease
}

// with is the table after a grant.
func (t *Table) with(l *Lease, ranges ledger.Ranges) *Table {
	out := &Table{spans: slices.Clone(t.spans)}
	for _, r := range ranges {
		out = out.keep(func(old span) []span { return old.minus(r) })
		out.spans = append(out.spans, span{r, l})
	}
	slices.SortFunc(out.spans, func(a, b span) int { return cmp.Compare(a.Start, b.Start) })
	return out
}

// without is the table after a lease is gone.
func (t *Table) without(l *Lease) *Table {
	return t.less(l, shard.Range{End: math.MaxUint32})
}

// less is the table after a lease has lost some serials.
func (t *Table) less(l *Lease, r shard.Range) *Table {
	return t.keep(func(s span) []span {
		if s.lease == l {
			return s.minus(r)
		}
		return []span{s}
	})
}

// under is the table after a Lease was replaced by another.
func (t *Table) under(old, l *Lease) *Table {
	return t.keep(func(s span) []span {
		if s.lease == old {
			s.lease = l
		}
		return []span{s}
	})
}

func (t *Table) keep(f func(span) []span) *Table {
	out := &Table{}
	for _, s := range t.spans {
		out.spans = append(out.spans, f(s)...)
	}
	return out
}

func (s span) minus(r shard.Range) []span {
	var out []span
	for _, p := range [2]shard.Range{{Start: s.Start, End: min(s.End, r.Start)}, {Start: max(s.Start, r.End), End: s.End}} {
		if p.Start < p.End {
			out = append(out, span{p, s.lease})
		}
	}
	return out
}
