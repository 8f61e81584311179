package buy

import (
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

const runs = 64 // free units for so many buys: fewer, and buys of several go straight to Deduct

// fromLease gets units for a buyer of whom nothing need be asked: from the lease that is on its way, or by Deduct when there is none.
func (a *attempt) fromLease() (Decision, Way) {
	if !a.permit() {
		return Decision{}, Told
	}
	w := a.waiter()
	defer w.end()
	for waits := true; waits; {
		changed := a.sale.Changed()
		if d, way, decided := a.byLot(a.sale.View()); decided {
			return d, way
		}
		if no := a.sale.Verdict().Barring(); no != nil {
			return a.hear(no)
		}
		sold, got, known := a.take()
		switch {
		case !known:
			return Decision{}, Told
		case got == allotment.Won:
			return won(sold), Told
		case got == allotment.Again:
			continue
		case got == allotment.Full:
			if !w.wantsRoom(a.sale) {
				return Decision{}, Told
			}
		case got == allotment.Empty:
			if no := a.sale.Short(a.q.N); no != nil {
				return a.hear(no)
			}
			if a.mayDeduct(w.ticks > 0) {
				if d, way, tried := a.deductFree(); tried {
					return d, way
				}
			}
		}
		a.sale.Hungry(a.q.N)
		waits = w.pass(changed)
	}
	return Decision{}, Told
}

// take is Take; where buyers hear after the ledger, it waits for the ledger's word. Not known: the word has not come, and the claim
// stands or falls without its buyer.
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

// mayDeduct says that no lease will help: what is left in a row it would only break up, or none is on its way.
func (a *attempt) mayDeduct(waited bool) bool {
	few := a.q.N > 1 && a.sale.View().Unkept() < runs*uint64(a.q.N)
	scattered := a.q.N > 1 && !a.sale.IsEmpty() // units, but not enough in a row
	return few || (scattered || waited) && !a.sale.Leasing()
}

// deductFree is the article's way: one buy, straight on the hash. Not tried: enough others are at it.
func (a *attempt) deductFree() (d Decision, way Way, tried bool) {
	leave, ok := a.sale.FreeSlot()
	if !ok {
		return Decision{}, Told, false
	}
	defer leave()
	reply, err := a.deduct(a.asked(ledger.Claim{}))
	if err == nil && reply.Answer == ledger.Unavailable && a.q.N > 1 {
		a.sale.Scraps()
		a.sale.RememberShort(a.q.N, shortage(reply.Head))
	}
	d, way = a.deducted(reply, err)
	return d, way, true
}
