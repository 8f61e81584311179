package sim

import (
	"spike/luascripts/ledger"
	"spike/shard"
)

// Buyers of several units, who need them in a row.

// tighten makes the ledger's bounds so small in some worlds that few ranges are many. No dice: the seed says which.
func (w *world) tighten() {
	if w.fates.most > 1 || w.seed%4 == 0 {
		w.bounds.Ranges = []int{1, 2, 3, 64}[w.seed/4%4]
		w.bounds.Frees = []int{1, 2, 128}[w.seed/16%3]
		w.bounds.Held = []int{4, 8, 128}[w.seed/48%3]
	}
}

// inARow: a buyer of n hears no only when there are no n in a row, and a lease for such buyers has a run, if there is one.
func (c *checks) inARow(s *server, call, reply any) {
	longest := uint32(0)
	for _, r := range s.twin.Free() {
		longest = max(longest, r.Len())
	}
	switch q := call.(type) {
	case ledger.DeductRequest:
		if q.ByLot {
			return
		}
		r := reply.(ledger.DeductReply)
		no := r.Answer == ledger.Unavailable && q.Offer.Count == 0 && r.State == ledger.Open && r.Unkept() >= uint64(q.N)
		if no && longest >= q.N {
			c.w.fail("a buyer of %d hears no, and %d are free in a row: %v", q.N, longest, s.twin.Free())
		}
	case ledger.LeaseRequest:
		r := reply.(ledger.LeaseReply)
		runs := func(of shard.Range) bool { return of.Len() >= q.Run }
		if q.Run > 1 && r.Grant.Ranges.Len() >= uint64(q.Run) && longest >= q.Run && !anyOf(r.Grant.Ranges, runs) {
			c.w.fail("a lease for buyers of %d is %v, and %d are free in a row", q.Run, r.Grant.Ranges, longest)
		}
	}
}

func anyOf(ranges ledger.Ranges, is func(shard.Range) bool) bool {
	for _, r := range ranges {
		if is(r) {
			return true
		}
	}
	return false
}
