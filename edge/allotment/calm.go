package allotment

import (
	"time"

	"spike/luascripts"
)

// calm brings to rest what would go round among hungry edges: a unit that each of them gives up for the next before its
// own buyer comes, and a unit for which all of them look at once. An edge that got units and sold none of them keeps the next
// ones twice as long before it gives them up; one that looked in vain waits twice as long before it follows news again. Who
// sells, or is granted units, goes half the way back, and one who hears no news for a while all of it.
type calm struct {
	vain   uint          // times in a row that units were given up, and none of them sold
	sold   uint64        // units sold here, as of the last time
	follow time.Duration // news is followed so long after the last look
	led    bool          // the look under way follows news
	heard  Instant       // of the newest news
	races  bool          // the lease call under way is for units that were free
}

// mostVain is where doubling ends: 200 ms come to 3.2 s, which a third of a lease ends before.
const mostVain = 4

// sales is how many units have left the Stock for buyers.
func (k *Keeper) sales() uint64 { return k.demand.rate.filled - k.a.stock.Len() }

// patience is how long units wait for a buyer here while others are out of them. I15 allows a third of a lease.
func (k *Keeper) patience() time.Duration {
	return max(ahead, min(ahead<<k.calm.vain, k.cfg.Term/3))
}

// givesUp notes that units go back for want of buyers.
func (k *Keeper) givesUp() {
	if k.sales() == k.calm.sold {
		k.calm.vain = min(k.calm.vain+1, mostVain)
	} else {
		k.calm.vain /= 2
	}
	k.calm.sold = k.sales()
}

// lost notes that others were faster.
func (k *Keeper) lost(h luascripts.Head) {
	if h.Unkept() == 0 && h.State == luascripts.Open && !h.Due && !k.cfg.Bounds.Lacks(NewsStorm) {
		k.calm.follow = min(max(2*k.calm.follow, pollNews), pollBusy)
	}
}

// looked takes in what became of a look.
func (k *Keeper) looked(h luascripts.Head) {
	switch {
	case k.calm.led:
		k.lost(h)
	case k.now.Sub(k.calm.heard) >= pollBusy:
		k.calm.follow = 0
	}
}

// followAt is when news leads to a look.
func (k *Keeper) followAt() Instant { return k.polling.asked.Add(max(k.calm.follow, pollNews)) }
