package buy

import (
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// A buy of several units goes straight to Deduct if fewer units are free than for so many such buys.
const runs = 64

// fromLease waits for units of the lease that is on its way, or deducts from the ledger if no lease is.
func (a *attempt) fromLease() (Decision, Way) {
	w := a.waiter()
	for waits := true; waits; {
		changed := a.sale.Changed()
		if d, way, decided := a.byLot(a.sale.View()); decided {
			return d, way
		}
		if no := a.sale.Verdict().Barring(); no != nil {
			return a.onVerdict(no)
		}
		sold, got, known := a.take()
		switch {
		case !known:
			return Decision{}, Decided
		case got == allotment.Won:
			return won(sold), Decided
		case got == allotment.Again:
			continue
		case got == allotment.Full:
			on, again := w.wantsRoom(a.sale)
			if again {
				continue
			}
			if !on {
				return Decision{}, Decided
			}
		case got == allotment.Empty:
			if no := a.sale.Short(a.q.N); no != nil {
				return a.onVerdict(no)
			}
			if a.mayDeduct(w.ticks > 0) {
				return a.deductFree()
			}
		}
		a.sale.ReportUnmet(a.q.N)
		waits = w.pass(changed)
	}
	return Decision{}, Decided
}

// take takes units. If buyers hear only after the ledger, it waits for the ledger's verdict. If known is false, the verdict has
// not come in time, and nobody knows yet whether the claim is good.
func (a *attempt) take() (sold allotment.Sold, got allotment.Outcome, known bool) {
	if a.sale.AcksBeforeLedger {
		sold, got = a.sale.Take(a.q.N, a.q.Buyer)
		return sold, got, true
	}
	sold, told, got := a.sale.TakeSettled(a.q.N, a.q.Buyer)
	if got != allotment.Won {
		return sold, got, true
	}
	select {
	case v := <-told:
		if v != ledger.Kept {
			got = allotment.Again
		}
		return sold, got, true
	case <-time.After(settleWait):
		return sold, got, false
	}
}

// mayDeduct says that waiting for a lease will not help: a lease would only break up the few units in a row, or no lease is on
// its way.
func (a *attempt) mayDeduct(waited bool) bool {
	few := a.q.N > 1 && a.sale.View().Unkept() < runs*uint64(a.q.N)
	scattered := a.q.N > 1 && !a.sale.IsEmpty() // units, but not enough in a row
	return few || (scattered || waited) && !a.sale.Leasing()
}

// deductFree is the article's way: straight from the ledger.
func (a *attempt) deductFree() (Decision, Way) {
	reply, err := a.sale.Deduct(a.asked(ledger.Claim{}))
	if err == nil && reply.Answer == ledger.Unavailable && a.q.N > 1 {
		a.sale.ReportFragmented()
		a.sale.RememberShort(a.q.N, shortage(reply.Head))
	}
	return a.deducted(reply, err)
}
