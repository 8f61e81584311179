package allotment

import (
	"time"

	"spike/luascripts/ledger"
)

// A sale with held units and without buyers only needs ledger time to pass, because its holds end by ledger time. Calls every
// half second are not needed for that, as long as this edge can say how long ago it had the last answer (ledger.Store's
// Tend). So the calls become fewer and fewer, and one comes when a hold is over. The first buyer wakes the sale.
const (
	dozeAfter = 2 * time.Second        // time without buys before it
	dozeShare = 4                      // a call comes after 1 / dozeShare of the time since the last buy
	dozeMost  = time.Minute            // at the latest, because news of other edges may be missed
	dozeLeast = 200 * time.Millisecond // even if something is over
	dozeSlip  = 5 * time.Millisecond   // added to a hold's end, because clocks differ
	dozeItems = 64                     // items that one call looks at
)

// dozes says that only the passing of ledger time is left to do.
func (k *Keeper) dozes() bool {
	v := &k.view
	quiet := k.now.Sub(k.demand.lastBuy) >= dozeAfter && !k.demand.unmet && !k.stopping && !k.polling.news
	door := v.State == ledger.Open || v.State == ledger.Closed // other doors may move without news
	held := v.Hold > 0 && v.Pending > 0 && v.Leased+v.Limbo == 0 && v.Lots.Kept == 0
	return v.known && quiet && k.holdsNothing() && door && held && v.Reopens == 0 && !k.needsReassert()
}

// wakes says that a buyer has come while the Keeper dozed. First the ledger must hear how much time has passed.
func (k *Keeper) wakes() bool { return k.view.known && k.polling.dozed && !k.dozes() }

// poll is the next look at the sale.
func (k *Keeper) poll() any {
	if !k.polling.dozed && !k.dozes() {
		return k.renewal()
	}
	return ledger.TendRequest{Birth: k.view.Birth, Most: dozeItems, Witness: k.view.Seen(k.now.Sub(k.view.seen))}
}

// tended takes a call's answer, and sets the time of the next call.
func (k *Keeper) tended(e Answer) {
	k.polling.busy = false
	reply, _ := e.Reply.(ledger.TendReply)
	if e.Err == nil {
		k.look(reply.Head, e.Sent)
	}
	k.polling.due = e.Sent.Add(k.pollEvery())
	if k.polling.dozed = e.Err == nil && k.dozes(); !k.polling.dozed {
		return
	}
	wait := min(k.now.Sub(k.demand.lastBuy)/dozeShare, dozeMost)
	if until := reply.Until(); until > 0 {
		wait = min(wait, until+dozeSlip)
	}
	if closes := time.Duration(k.view.Closes-k.view.Raw) * time.Microsecond; closes > 0 {
		wait = min(wait, closes+time.Millisecond)
	}
	k.polling.due = e.Sent.Add(max(wait, dozeLeast))
}
