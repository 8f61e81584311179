package allotment

import (
	"time"

	"spike/luascripts"
)

// A sale in which nobody buys, and of which units are held, needs nothing but that time passes: its holds end by ledger
// time. Calls every half second are not needed for that, as long as this edge can say how long ago it had the last answer
// (luascripts.Store's Tend): it comes more and more seldom, and when a hold is over. The first buyer wakes it.
const (
	dozeAfter = 2 * time.Second        // without buys
	dozeShare = 4                      // a call comes after this part of the time since the last buy
	dozeMost  = time.Minute            // at the latest: other edges' news may be missed
	dozeLeast = 200 * time.Millisecond // though something is over
	dozeSlip  = 5 * time.Millisecond   // later than a hold ends: clocks differ
	dozeItems = 64                     // looked at in a call
)

// dozes says that there is nothing else to do.
func (k *Keeper) dozes() bool {
	v := &k.view
	quiet := k.now.Sub(k.demand.lastBuy) >= dozeAfter && !k.demand.unmet && !k.stopping && !k.polling.news
	door := v.State == luascripts.Open || v.State == luascripts.Closed // others may move without our hearing of it
	held := v.Hold > 0 && v.Pending > 0 && v.Leased+v.Limbo == 0 && v.Lots.Kept == 0
	return v.known && quiet && k.holdsNothing() && door && held && v.Reopens == 0 && !k.needsReassert()
}

// wakes says that a buyer has come while we dozed: first of all the ledger hears how much time has passed.
func (k *Keeper) wakes() bool { return k.view.known && k.polling.dozed && !k.dozes() }

// poll is the next look at the sale.
func (k *Keeper) poll() any {
	if !k.polling.dozed && !k.dozes() {
		return k.renewal()
	}
	return luascripts.TendRequest{Birth: k.view.Birth, Most: dozeItems, Witness: k.view.Seen(k.now.Sub(k.view.seen))}
}

// tended takes a call's answer, and says when the next is due.
func (k *Keeper) tended(e Answer, failed bool) {
	k.polling.busy, k.polling.dozed = false, false
	k.polling.due = e.Sent.Add(k.pollEvery())
	if failed {
		return
	}
	reply := e.Reply.(luascripts.TendReply)
	k.look(reply.Head, e.Sent)
	k.polling.due = e.Sent.Add(k.pollEvery())
	if k.polling.dozed = k.dozes(); !k.polling.dozed {
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
