package allotment

import "time"

// What operators read of an allotment. No buyer waits for any of it.

// Unsettled is the age of the oldest claim that the ledger has not answered for. If this process dies without a ring in a file,
// what was sold in this time is lost. It is 0 if there is no such claim.
func (a *Allotment) Unsettled() time.Duration {
	if since := a.unsettled.Load(); since != 0 {
		return time.Duration(max(a.clock().Mono-since, 0))
	}
	return 0
}

// SellsFor is how long units may still be sold under the lease that ends first, if none is renewed. It is false if there is no
// lease.
func (a *Allotment) SellsFor() (soonest time.Duration, any bool) {
	now := a.clock()
	for _, s := range a.table.Load().spans {
		if t := s.lease.term.Load(); t.open(now) {
			left := time.Duration(min(t.sellMono-now.Mono, t.sellWall-now.Wall))
			if !any || left < soonest {
				soonest, any = left, true
			}
		}
	}
	return soonest, any
}

// SeenAgo is how old View is.
func (a *Allotment) SeenAgo() time.Duration {
	return time.Duration(max(a.StoreTime()-a.View().Raw, 0)) * time.Microsecond
}
