package dashboard

import (
	"math"

	"spike/luascripts/ledger"
)

// front is what is asked of every nginx that a gate sees, and who answers, a second.
type front struct {
	known    bool    // each gate that beats has told it
	requests float64 // that nginx takes
	edges    float64 // buys that edges answer
	flags    uint64  // the most that a gate keeps
	empty    int     // sales that can have a flag
}

// noise is the share of the requests below which nobody knows whether nginx or an edge has answered: their beats are of different
// moments.
const noise = 0.1

// front adds up what the beats tell.
func (b *board) front() (f front) {
	gates, told := 0, 0
	for _, m := range b.meters {
		switch {
		case !b.alive(m):
		case m.newest.Front != nil:
			gates++
			f.flags = max(f.flags, m.newest.Front.Flags)
			if r := m.front().Requests; r != nil {
				f.requests += *r
				told++
			}
		case m.newest.Kind == ledger.EdgeKind:
			if _, a := m.all(); a != nil {
				f.edges += *a
			}
		}
	}
	for _, s := range b.sales {
		if s.empty() {
			f.empty++
		}
	}
	f.known = gates > 0 && gates == told
	return f
}

// empty says that a gate may keep a flag for the sale: an edge could sell nothing.
func (s *sale) empty() bool {
	return s.known && s.shown.State == ledger.Open && s.shown.Free+s.shown.Leased == 0
}

// alone is what nginx answers without an edge, a second.
func (f front) alone() float64 { return max(0, f.requests-f.edges) }

// share is the share of requests that nginx answers without an edge; nil: it cannot be told.
func (f front) share() *float64 {
	if !f.known || f.requests == 0 {
		return nil
	}
	return to(math.Round(1000*f.alone()/f.requests) / 1000)
}

// answered is how many buyers of a sale are answered a second. nginx counts requests, not sales: what it answers alone is the
// sale's if no other sale can have a flag. nil: it cannot be told.
func (f front) answered(s *sale, byEdges float64) *float64 {
	switch {
	case !f.known || f.flags == 0 || !s.empty():
		return to(rounded(byEdges))
	case f.empty == 1:
		return to(rounded(byEdges + f.alone()))
	case f.alone() > noise*f.requests:
		return nil
	default:
		return to(rounded(byEdges))
	}
}
