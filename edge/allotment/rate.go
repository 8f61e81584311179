package allotment

import "time"

// rate is how fast units leave the Stock, per second: quick to rise, and halved in about ahead.
type rate struct {
	filled uint64 // ever
	taken  uint64 // as of at
	at     Instant
	value  float64
}

// rateWindow is the shortest time a rate is read from.
const rateWindow = 2 * time.Millisecond

// restart forgets the time during which there was nothing to sell.
func (r *rate) restart(now Instant) {
	if r.at.Before(now) {
		r.taken, r.at = r.filled, now
	}
}

func (r *rate) update(now Instant, left uint64) {
	span := now.Sub(r.at)
	if span < rateWindow {
		return
	}
	taken := r.filled - left
	fresh := float64(int64(taken-r.taken)) / span.Seconds()
	keep := float64(ahead) / float64(ahead+span)
	r.value = max(fresh, r.value*keep+fresh*(1-keep), 0)
	r.taken, r.at = taken, now
}

// units is how many are sold in d at this rate.
func (r *rate) units(d time.Duration) uint64 { return uint64(r.value * d.Seconds()) }

// measure looks at the Stock and at the buyers.
func (k *Keeper) measure() {
	k.demand.rate.update(k.now, k.a.stock.Len())
	k.a.stock.SetLow(k.low())
	if n := k.a.unmet.Swap(0); n > 0 {
		k.demand.unmet, k.demand.lastBuy = true, k.now
		k.demand.largestUnmet = max(k.demand.largestUnmet, uint64(n))
	}
	if n := k.cfg.Demand(); n != k.demand.buys {
		k.demand.buys, k.demand.lastBuy = n, k.now
	}
	k.recall()
}

// want is what is wished for, as far as the Ring has room for it; without one, next to nothing: it is a look.
func (k *Keeper) want() uint64 { return min(k.shortfall(), max(k.fits(), 1)) }

// shortfall is what ahead will sell, less what is there.
func (k *Keeper) shortfall() uint64 {
	need := max(k.demand.rate.units(ahead), firstWant, 2*k.demand.largestUnmet)
	if k.now.Before(k.demand.backoffUntil) {
		need = max(k.demand.rate.units(ahead), k.demand.largestUnmet)
	}
	return min(need-min(need, k.a.stock.Len()), maxWant)
}

// low is the stock at which the next lease is asked for.
func (k *Keeper) low() uint64 {
	return max(k.demand.rate.units(early), firstWant/4, k.demand.largestUnmet)
}

// recall gives back what this edge does not need: when another one is out of units, all it will not sell in a
// moment; when nobody has bought for long, or what is here lies too scattered for a buyer or over too many leases, everything.
func (k *Keeper) recall() {
	quiet := k.now.Sub(k.demand.lastBuy)
	left := k.a.stock.Len()
	var spare uint64
	switch {
	case left == 0:
		return
	case quiet >= idleAfter:
		spare = left
	case !k.now.Before(k.demand.nextFragmented) && (k.a.fragmented.Swap(false) || k.laden()):
		spare = left
		k.demand.nextFragmented = k.now.Add(pollBusy)
	case k.view.Recall && k.view.Unkept() == 0 && quiet >= k.patience():
		spare = left
		k.givesUp()
	case k.view.Recall && k.view.Unkept() == 0:
		spare = left - min(left, max(k.demand.rate.units(ahead), 1))
	}
	if spare > 0 {
		k.view.Recall = false
		k.demand.backoffUntil = k.now.Add(pollBusy)
		k.giveBack(k.a.stock.Drain(spare))
		k.a.announce()
	}
}
