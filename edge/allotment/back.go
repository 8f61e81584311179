package allotment

import (
	"math"
	"slices"

	"spike/luascripts/ledger"
	"spike/shard"
)

// Units that go back to the ledger unsold. The call is repeated until the ledger has answered.

// giveBack adds drained units to the returns, each under its lease.
func (k *Keeper) giveBack(ranges []shard.Range) {
	for _, r := range ranges {
		k.demand.rate.filled -= uint64(r.Len())
		if l := k.a.table.Load().find(r.Start); l != nil {
			k.returns.parts = append(k.returns.parts, ledger.Part{Fence: l.fence, Range: r})
		}
	}
}

func (k *Keeper) giveBackOf(h *holding, ranges ledger.Ranges) {
	for _, r := range ranges {
		k.returns.parts = append(k.returns.parts, ledger.Part{Fence: h.fence, Range: r})
	}
}

func (k *Keeper) gaveBack(e Answer, q ledger.GiveBackRequest) {
	if !k.returns.ended(k.now, e.Err) {
		if k.cfg.Bounds.Lacks(RefillOnSilence) {
			k.refill()
		}
		return
	}
	k.look(e.Reply.(ledger.GiveBackReply).Head, e.Sent)
	k.returns.parts = slices.Delete(k.returns.parts, 0, k.returns.sent)
	for _, p := range q.Parts {
		k.resolved(p.Fence, p.Range)
	}
}

// stop takes all units out of the Stock for good.
func (k *Keeper) stop() {
	k.stopping = true
	k.unload()
}

// unload gives back all unsold units.
func (k *Keeper) unload() {
	k.giveBack(k.a.stock.Drain(math.MaxUint64))
	for _, h := range k.leases {
		k.giveBackOf(h, h.parked)
		h.parked = nil
	}
}

// abandon lets go of a sale that is gone. Its claims stay in the Ring, because no ledger takes them.
func (k *Keeper) abandon() {
	k.a.stock.Drain(math.MaxUint64)
	k.a.ring.collect(math.MaxInt, func(r record) {
		if r.kind == claim {
			k.claims.batch = append(k.claims.batch, r.Claim)
		}
	})
	for _, c := range k.claims.batch {
		k.a.lost.Add(1)
		k.a.tell(c.Nonce, ledger.Resolved)
	}
	k.claims.batch = nil
	k.a.vanish()
}
