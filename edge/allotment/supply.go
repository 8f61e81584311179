package allotment

import (
	"errors"
	"slices"
	"time"

	"spike/luascripts/ledger"
	"spike/shard"
)

// answer takes the answer to one of the calls.
func (k *Keeper) answer(e Answer) {
	switch e.Call.(type) {
	case RingRequest:
		k.ringMade(e)
		return
	case RingDrop:
		k.room.dropping, k.room.dropSent = false, false
		return
	}
	k.missing(e.Err)
	if errors.Is(e.Err, ledger.ErrDown) || k.recovery.absent {
		k.view.down, k.view.downWhy = true, whyDown(e.Err)
	} else if widens(e.Call) {
		k.view.down = false
		k.shown.answers++
	}
	switch q := e.Call.(type) {
	case ledger.LeaseRequest:
		k.leased(e, q)
	case ledger.RenewRequest:
		k.polling.busy, k.polling.took = false, k.now.Sub(e.Sent)
		if e.Err == nil {
			k.renewed(e, q)
		}
		k.attend(e)
	case ledger.TendRequest:
		k.tended(e)
	case ledger.ReassertRequest:
		k.reasserted(e, q)
	case ledger.SettleRequest:
		k.settled(e)
	case ledger.GiveBackRequest:
		k.gaveBack(e, q)
	case OfferRequest:
		k.offerAnswered(e, q)
	}
}

// widens says that the answer to a call waits for the replicas. The answers to the others do not show that units can be had.
func widens(call any) bool {
	switch call.(type) {
	case ledger.GiveBackRequest, ledger.TendRequest, OfferRequest:
		return false
	}
	return true
}

// whyDown says in a few words, the same each time, why a call failed.
func whyDown(err error) string {
	switch {
	case errors.Is(err, ledger.ErrReplicas):
		return ledger.WhyReplicas + ": nothing may be acted on that they do not have"
	case errors.Is(err, ledger.ErrBirth), errors.Is(err, ledger.ErrNoSale):
		return "another server answers, and does not know the sale"
	}
	if unwilling, is := errors.AsType[*ledger.ServerError](err); is {
		return "the store refuses: " + unwilling.Code()
	}
	return "the store does not answer"
}

// look takes the view of the sale in a reply. Replies may overtake each other. Of two calls that were under way together, rev
// tells the newer reply if both are of one history. Otherwise nothing tells, and the next look decides, because a late answer of
// lost history must not count as the newest. The reply to a later call is newer whatever its rev.
func (k *Keeper) look(h ledger.Head, sent Instant) {
	k.recovery.latest = max(k.recovery.latest, h.Now)
	switch {
	case !k.view.known || h.Birth != k.view.Birth:
	case h.Era != k.view.Era && sent.Before(k.view.seen):
		k.polling.news = true
		return
	case h.Era == k.view.Era && h.Rev < k.view.Rev && !k.view.seen.Before(sent):
		return
	}
	if k.recovery.asserted == 0 { // the first look: nothing is held from before
		k.recovery.asserted = h.Era
	}
	if k.recovering() && h.Reopens == 0 {
		k.leasing.retry, k.leasing.due = retryFirst, k.now
	}
	k.view.seen = k.now
	k.view.Head, k.view.known = h, true
	wait := time.Duration(h.Reopens-h.Now) * time.Microsecond
	k.recovery.lossy = k.recovering() && (k.recovery.lossy || wait > k.cfg.Term+2*k.cfg.Bounds.Margin)
	if !k.recovering() && h.Era == k.recovery.asserted {
		k.returns.parts, k.recovery.excess = append(k.returns.parts, k.recovery.excess...), nil
	}
	if h.Due { // there is more to sweep
		k.polling.news, k.calm.follow = true, 0
	}
	k.a.view.Store(&h)
	k.a.ahead.Store(h.Raw - sent.Mono/1000)
	if h.Limit > 0 { // no edge holds units: the ledger has them all
		k.view.exhausted = h.Unkept() == 0
	}
	if h.Unkept() > 0 && k.view.exhausted {
		k.view.exhausted = false
		k.leasing.retry, k.leasing.due = retryFirst, k.now
	}
}

// pollEvery is the pause until the next look at the sale. The next look is never later than the moment the doors move.
func (k *Keeper) pollEvery() time.Duration {
	every := pollBusy
	switch {
	case k.view.State == ledger.Drawing && k.view.Raw >= k.view.DrawsAt():
		every = pollDraw
	case k.view.State == ledger.Drawing:
		every = pollWindow
	case k.view.exhausted && k.view.Final():
		every = pollDone
	}
	for _, door := range [...]int64{k.view.Opens, k.view.DrawsAt(), k.view.Closes} {
		if wait := time.Duration(door-k.view.Raw) * time.Microsecond; wait > 0 {
			every = min(every, wait+time.Millisecond)
		}
	}
	return every
}

// leased fills the Stock with a grant, or notes that there is none.
func (k *Keeper) leased(e Answer, q ledger.LeaseRequest) {
	k.setLeasing(false)
	if k.leasing.forBuyer { // that buyer is still here, and must hear the result
		k.demand.lastBuy = k.now
	}
	if e.Err != nil {
		k.leasing.due = k.now.Add(retryFirst)
		if no, is := errors.AsType[*ledger.Refusal](e.Err); is {
			k.view.refused = no.Why
			k.leasing.due = k.leasing.due.Add(pollDone)
		}
		k.a.announce()
		return
	}
	reply := e.Reply.(ledger.LeaseReply)
	k.view.refused = ""
	k.shown.grants++
	first := !k.view.known
	k.look(reply.Head, e.Sent)
	k.act(reply.Head)
	if first {
		k.polling.due = e.Sent.Add(k.pollEvery())
	}
	k.view.exhausted = k.view.Unkept() == 0
	if reply.Grant.Fence == 0 {
		if k.calm.races {
			k.lost(reply.Head)
		}
		// a buyer still waits, and units are there again
		k.demand.unmet = k.demand.unmet || !k.view.exhausted && k.view.Limit == 0
		k.leasing.due = k.now.Add(k.leasing.retry)
		k.leasing.retry = min(2*k.leasing.retry, pollBusy)
		return
	}
	k.leasing.retry = retryFirst
	// these were the last units: another call at once would be in vain
	if k.view.exhausted {
		k.leasing.due = k.now.Add(k.leasing.retry)
	}
	k.calm.follow /= 2
	k.take(e.Sent, q.Request, reply)
}

// take puts a grant on sale: the Table first, the Stock second. Ranges with serials that lapsed here less than a margin ago go
// back unused (see doc.go). So does the whole grant if it came too late.
func (k *Keeper) take(sent Instant, req uint64, reply ledger.LeaseReply) {
	g := reply.Grant
	h := &holding{Lease: &Lease{fence: g.Fence, hold: g.Hold}, req: req, ranges: g.Ranges, rest: ledger.NewRangeSet(g.Ranges)}
	h.term.Store(k.term(sent, reply.Head, g.Deadline))
	k.leases = append(k.leases, h) // in order, because fences grow
	if !k.mayTake(h, reply.Era) {
		k.giveBackOf(h, g.Ranges)
		k.demand.unmet = k.demand.unmet || k.leasing.forBuyer && k.a.ring.slots() == 0
		return
	}
	var sell ledger.Ranges
	for _, r := range g.Ranges {
		if k.tooSoon(r) {
			k.giveBackOf(h, ledger.Ranges{r})
			// their being free again is no reason to ask sooner
			k.view.exhausted, k.leasing.due = false, k.now.Add(k.cfg.Bounds.Margin)
		} else {
			sell = append(sell, r)
		}
	}
	k.publish(k.a.table.Load().with(h.Lease, sell))
	k.fill(sell)
}

// mayTake says that a grant may go on sale: this edge sells, the grant is in time, and it is of the asserted history.
func (k *Keeper) mayTake(h *holding, era uint64) bool {
	sells := !k.stopping && k.a.ring.slots() > 0 && h.term.Load().open(k.now)
	return sells && !k.recovery.busy && era == k.recovery.asserted && !k.stale(era)
}

// tooSoon says that serials of r left the Stock less than a margin ago because their lease lapsed.
func (k *Keeper) tooSoon(r shard.Range) bool {
	k.withdrawn = slices.DeleteFunc(k.withdrawn, func(w withdrawal) bool { return k.now.Sub(w.at) >= k.cfg.Bounds.Margin })
	return slices.ContainsFunc(k.withdrawn, func(w withdrawal) bool {
		return slices.ContainsFunc(w.ranges, func(old shard.Range) bool { return old.Start < r.End && r.Start < old.End })
	})
}

func (k *Keeper) fill(ranges ledger.Ranges) {
	if k.a.stock.Empty() {
		k.demand.rate.restart(k.now)
	}
	k.a.stock.Fill(ranges...)
	k.demand.rate.filled += ranges.Len()
	k.a.announce()
}

// term counts a lease's life from the sending of the call, because the ledger read its clock no earlier.
func (k *Keeper) term(sent Instant, h ledger.Head, deadline int64) *Term {
	sell := sent.Add(k.life(h, deadline))
	return &Term{sellMono: sell.Mono, sellWall: sell.Wall, deadline: deadline, anchor: h.Now - sent.Mono/1000}
}

func (k *Keeper) publish(t *Table) {
	k.a.table.Load().replaced.Store(k.now.Mono) // first, because a taker that sees t must find the time on the old Table
	k.a.table.Store(t)
}

// lapse takes the serials of leases whose time to sell is over out of the Stock.
func (k *Keeper) lapse() {
	for _, h := range k.leases {
		if !h.term.Load().open(k.now) {
			k.withdraw(h)
		}
	}
}

// withdraw parks a lease's units that are still in the Stock, unless it did so before.
func (k *Keeper) withdraw(h *holding) {
	if h.lapsed {
		return
	}
	h.lapsed = true
	for _, r := range h.ranges {
		for _, got := range k.a.stock.Withdraw(r) {
			k.park(h, got)
		}
	}
	k.publish(k.a.table.Load().without(h.Lease))
	k.withdrawn = append(k.withdrawn, withdrawal{k.now, h.ranges})
	k.a.announce() // serials of other leases may have been out for a moment
}

// park keeps a lease's own serials. A serial that was resolved under it may be here under a newer lease, and goes back into the
// Stock.
func (k *Keeper) park(h *holding, got shard.Range) {
	if k.a.table.Load().find(got.Start) == h.Lease {
		h.parked = append(h.parked, got)
		k.demand.rate.filled -= uint64(got.Len())
		return
	}
	k.a.stock.Fill(got)
}

// renewed moves deadlines, and lets go of leases that the ledger has no more.
func (k *Keeper) renewed(e Answer, q ledger.RenewRequest) {
	reply := e.Reply.(ledger.RenewReply)
	k.look(reply.Head, e.Sent)
	k.act(reply.Head)
	k.looked(reply.Head)
	for i, fence := range q.Fences {
		h := k.lease(fence)
		switch {
		case h == nil:
		case reply.Deadlines[i] == 0 && (reply.Era != k.recovery.asserted || e.Sent.Before(k.recovery.assertedAt)):
			// The ledger had not heard of the lease in this era.
		case reply.Deadlines[i] == 0 && !h.lapsed && (len(k.claims.batch) > 0 || len(k.returns.parts) > 0):
			// A call whose answer is still to come may have ended the lease: the next renewal will say.
		case reply.Deadlines[i] == 0:
			k.drop(h)
		case k.stale(reply.Era):
			// The deadline is from a history before the newest re-assertion.
		default:
			k.extend(h, k.term(e.Sent, reply.Head, reply.Deadlines[i]))
		}
	}
	k.forget(reply.Now)
	k.demand.largestUnmet = max(k.demand.largestUnmet/2, 1)
}

// revive puts the units of a lapsed lease back on sale. They never left the lease.
func (k *Keeper) revive(h *holding) {
	if !h.lapsed || h.doubted || !h.term.Load().open(k.now) {
		return
	}
	h.lapsed = false
	if len(h.parked) > 0 {
		k.publish(k.a.table.Load().with(h.Lease, h.parked))
		k.fill(h.parked)
		h.parked = nil
	}
}

func (k *Keeper) drop(h *holding) {
	k.withdraw(h)
	h.end()
	k.release(h)
}

// lease is the holding under a fence, or nil.
func (k *Keeper) lease(fence uint64) *holding {
	if i := slices.IndexFunc(k.leases, func(h *holding) bool { return h.fence == fence }); i >= 0 {
		return k.leases[i]
	}
	return nil
}

// release lets go of a lease. It makes a new list, because a caller may be walking along the old one.
func (k *Keeper) release(h *holding) {
	k.leases = slices.DeleteFunc(slices.Clone(k.leases), func(other *holding) bool { return other == h })
}

// resolved notes units of a lease that the ledger has heard of. When that is all of them, the lease ends.
func (k *Keeper) resolved(fence uint64, units shard.Range) {
	if h := k.lease(fence); h != nil {
		h.rest.CutAll(units)
		k.closeIfResolved(h)
	}
}

func (k *Keeper) closeIfResolved(h *holding) {
	if h.rest.Len() > 0 {
		return
	}
	k.release(h)
	if !h.lapsed {
		k.publish(k.a.table.Load().without(h.Lease))
	}
}

// retire makes every lease run out that once held serials in doubt. Its unsold units here go back, and its claims are settled.
// The serial in doubt goes free in the ledger with the lease, when no promise under it can be alive.
func (k *Keeper) retire(units shard.Range) {
	for _, h := range k.leases {
		holds := slices.ContainsFunc(h.ranges, func(r shard.Range) bool { return r.Start <= units.Start && units.End <= r.End })
		if holds && !h.doubted {
			h.doubted = true
			k.withdraw(h)
			k.giveBackOf(h, h.parked)
			h.parked = nil
		}
	}
}

// forget drops leases in doubt that the ledger must have freed by now.
func (k *Keeper) forget(ledgerNow int64) {
	k.leases = slices.DeleteFunc(k.leases, func(h *holding) bool {
		return h.doubted && ledgerNow >= h.term.Load().deadline+h.hold+k.cfg.Bounds.Margin.Microseconds()
	})
}
