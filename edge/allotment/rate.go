package allotment

import "time"

// rate is how many units a second leave the Stock. It rises quickly, and halves in about the time ahead.
type rate struct {
	filled uint64 // units ever filled
	taken  uint64 // units taken, as of at
	at     Instant
	value  float64
}

// rateWindow is the shortest time over which a rate is measured.
const rateWindow = 2 * time.Millisecond

// restart skips the time without units to sell.
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

// units is how many units are sold in d at this rate.
func (r *rate) units(d time.Duration) uint64 { return uint64(r.value * d.Seconds()) }

// measure reads the Stock and the buyers' demand.
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

// want is the units to ask for, limited to the Ring's room. Without a Ring it is next to nothing: such a call is a look.
func (k *Keeper) want() uint64 { return min(k.shortfall(), max(k.fits(), 1)) }

// shortfall is the units that will be sold in the time ahead, less those in the Stock.
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

// recall gives back units that this edge does not need. If another edge has none, these are the units that will not be sold soon.
// If no buyer has come for long, they are all units. They are all units too if those here lie too scattered for a buyer, or over
// too many leases.
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
