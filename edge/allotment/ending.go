package allotment

import (
	"math"

	"spike/luascripts/ledger"
)

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
