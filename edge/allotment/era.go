package allotment

import (
	"spike/luascripts"
	"spike/shard"
)

// reasserted takes the ledger's word on what we hold in its new era.
func (k *Keeper) reasserted(e Answer, q luascripts.ReassertRequest, failed bool) {
	if failed {
		k.nextAssert = k.now.Add(retryFirst)
		return
	}
	reply := e.Reply.(luascripts.ReassertReply)
	k.look(reply.Head, e.Sent)
	if reply.Era != q.Era { // yet another one: it is asked at once
		return
	}
	k.asserted = q.Era
	for i, held := range q.Leases {
		if h := k.lease(held.Fence); h != nil {
			k.adjust(h, e.Sent, reply.Head, reply.Grants[i])
		}
	}
}

// adjust brings a lease in line with the ledger.
func (k *Keeper) adjust(h *holding, sent Instant, head luascripts.Head, g luascripts.Grant) {
	if g.Deadline == 0 {
		k.drop(h)
		return
	}
	for _, r := range h.rest.Without(g.Ranges) {
		k.forfeit(h, r)
	}
	h.term.Store(k.term(sent, head, g.Deadline))
	k.revive(h)
	k.closeIfResolved(h)
}

// forfeit lets go of units that are another's now. What of them is sold already stays in the Ring: its settle will tell.
func (k *Keeper) forfeit(h *holding, r shard.Range) {
	if !h.lapsed {
		for _, got := range k.a.stock.Withdraw(r) {
			k.park(h, got)
		}
	}
	parked := luascripts.NewRangeSet(h.parked)
	for _, lost := range parked.CutAll(r) {
		h.rest.CutAll(lost)
	}
	h.parked = parked.Ranges()
}
