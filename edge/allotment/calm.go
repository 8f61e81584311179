package allotment

import (
	"time"

	"spike/luascripts/ledger"
)

// calm stops units that would go round without end among edges that want them. Each edge gives up such a unit for the next edge
// before its own buyer comes, or all edges look for it at once. An edge that got units and sold none of them keeps the next units
// twice as long before it gives them up. An edge that looked in vain waits twice as long before it follows news again. A sale or
// a grant halves the delay. A while without news ends it.
type calm struct {
	vain   uint          // times in a row that units were given up and none had been sold
	sold   uint64        // units sold here, as of the newest time
	follow time.Duration // the delay from the newest look until news is followed
	led    bool          // the look under way follows news
	heard  Instant       // when the newest news came
	races  bool          // the lease call under way is for units that were free
}

// mostVain is where doubling ends. 200 ms become 3.2 s, and a third of a lease is shorter.
const mostVain = 4

// sales is how many units have left the Stock for buyers.
func (k *Keeper) sales() uint64 { return k.demand.rate.filled - k.a.stock.Len() }

// patience is how long units wait for a buyer here while other edges have none. I15 allows a third of a lease.
func (k *Keeper) patience() time.Duration {
	return max(ahead, min(ahead<<k.calm.vain, k.cfg.Term/3))
}

// givesUp notes that units go back because no buyer came.
func (k *Keeper) givesUp() {
	if k.sales() == k.calm.sold {
		k.calm.vain = min(k.calm.vain+1, mostVain)
	} else {
		k.calm.vain /= 2
	}
	k.calm.sold = k.sales()
}

// lost notes that other edges were faster.
func (k *Keeper) lost(h ledger.Head) {
	if h.Unkept() == 0 && h.State == ledger.Open && !h.Due && !k.cfg.Bounds.Lacks(NewsStorm) {
		k.calm.follow = min(max(2*k.calm.follow, pollNews), pollBusy)
	}
}

// looked notes the result of a look.
func (k *Keeper) looked(h ledger.Head) {
	switch {
	case k.calm.led:
		k.lost(h)
	case k.now.Sub(k.calm.heard) >= pollBusy:
		k.calm.follow = 0
	}
}

// followAt is when the next look after news is due.
func (k *Keeper) followAt() Instant { return k.polling.asked.Add(max(k.calm.follow, pollNews)) }
