package sim

import (
	"slices"

	"spike/luascripts/ledger"
	"spike/shard"
)

// Buyers of several units, who need them in a row.

// tighten makes the ledger's bounds so small in some worlds that few ranges count as many. The seed decides, without a random
// number.
func (w *world) tighten() {
	if w.fates.most > 1 || w.Seed%4 == 0 {
		w.bounds.Ranges = []int{1, 2, 3, 64}[w.Seed/4%4]
		w.bounds.Frees = []int{1, 2, 128}[w.Seed/16%3]
		w.bounds.Held = []int{4, 8, 128}[w.Seed/48%3]
	}
}

// inARow checks buys of n: the answer may be no only if there are no n in a row. A lease for such buyers must have n in a
// row, if they exist.
func (c *checks) inARow(s *server, call, reply any) {
	longest := uint32(0)
	for _, r := range s.twin.Free() {
		longest = max(longest, r.Len())
	}
	for _, one := range boughtBy(call, reply) {
		if q, r := one.q, one.r; one.none() && r.State == ledger.Open && r.Unkept() >= uint64(q.N) && longest >= q.N {
			c.w.fail("a buyer of %d hears no, and %d are free in a row: %v", q.N, longest, s.twin.Free())
		}
	}
	if q, ok := call.(ledger.LeaseRequest); ok {
		r := reply.(ledger.LeaseReply)
		runs := func(of shard.Range) bool { return of.Len() >= q.Run }
		if q.Run > 1 && r.Grant.Ranges.Len() >= uint64(q.Run) && longest >= q.Run && !slices.ContainsFunc(r.Grant.Ranges, runs) {
			c.w.fail("a lease for buyers of %d is %v, and %d are free in a row", q.Run, r.Grant.Ranges, longest)
		}
	}
}
