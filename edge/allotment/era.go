package allotment

import (
	"errors"
	"slices"

	"spike/luascripts"
	"spike/shard"
)

// needsReassert says that the ledger is in another era than the one in which we have said what we hold, or have last begun to: who
// has begun to speak elsewhere, and was not heard, speaks again where the ledger is.
func (k *Keeper) needsReassert() bool {
	return k.recovery.asserted != k.view.Era || k.recovery.begun != 0 && k.recovery.begun != k.view.Era
}

// stale says that an answer is of a history before the one in which we have begun to say what we hold: we may not be heard yet.
func (k *Keeper) stale(era uint64) bool { return k.recovery.begun != 0 && era != k.recovery.begun }

// recovering says that the ledger grants nothing until it has heard, or waited long enough.
func (k *Keeper) recovering() bool { return k.view.known && k.view.Reopens > 0 }

// outlived says that by one of our clocks a lease may have been freed, and its units sold to others, in a history that is
// lost by now and that we have not heard of.
func (k *Keeper) outlived(h *holding) bool {
	t := h.term.Load()
	late := max(k.now.Mono-t.sellMono, k.now.Wall-t.sellWall)
	return late >= 1000*h.hold+int64(k.cfg.Bounds.Margin)
}

// disclaim lets go of what of a lease is not sold. What is sold stays to be settled, and the lease with it.
func (k *Keeper) disclaim(h *holding) {
	if !h.lapsed {
		k.withdraw(h)
	}
	for _, r := range h.parked {
		h.rest.CutAll(r)
	}
	h.parked = nil
	k.closeIfResolved(h)
}

// assertion is all that we answer for: what is on sale, and what is sold and not settled.
func (k *Keeper) assertion() luascripts.ReassertRequest {
	q := luascripts.ReassertRequest{Party: k.party(), Era: k.view.Era, Term: k.cfg.Term,
		Was: k.recovery.asserted, Acted: k.recovery.lastApplied, Told: k.recovery.latest}
	for _, h := range slices.Clone(k.leases) {
		if k.outlived(h) && !k.cfg.Bounds.Lacks(KeepOutlived) {
			k.disclaim(h)
		}
	}
	for _, h := range k.leases {
		q.Leases = append(q.Leases, luascripts.Held{Fence: h.fence, Request: h.req, Deadline: h.term.Load().deadline,
			Ranges: h.rest.Ranges()})
	}
	for _, h := range luascripts.HeldBy(k.a.ring.Left()) { // under leases that are over here, and not settled yet
		if k.lease(h.Fence) == nil {
			q.Leases = append(q.Leases, h)
		}
	}
	return q
}

// reasserted takes the ledger's word on what we hold in its new era.
func (k *Keeper) reasserted(e Answer, q luascripts.ReassertRequest, failed bool) {
	if failed {
		k.recovery.due = k.now.Add(retryFirst)
		return
	}
	reply := e.Reply.(luascripts.ReassertReply)
	k.look(reply.Head, e.Sent)
	if reply.Era != q.Era { // yet another one: it is asked at once
		return
	}
	k.recovery.asserted, k.recovery.lastApplied, k.recovery.assertedAt = q.Era, reply.Rev, k.now
	for i, held := range q.Leases {
		if h := k.lease(held.Fence); h != nil {
			k.adjust(h, e.Sent, reply.Head, reply.Grants[i])
		}
	}
}

// attend keeps a Keeper that rests, and was to look, at it until it has: who has acted on answers must say so in a new era
// while that may still count.
func (k *Keeper) attend(failed bool, sent Instant) {
	k.recovery.owes = failed && !k.view.known
	k.polling.due = sent.Add(k.pollEvery())
	if k.recovery.owes {
		k.polling.due = sent.Add(pollDone)
	}
}

// act notes that an answer is acted on. A later era in which it is not written has lost history.
func (k *Keeper) act(h luascripts.Head) {
	if h.Era == k.recovery.asserted {
		k.recovery.lastApplied = max(k.recovery.lastApplied, h.Rev)
	}
}

// missing hears that there is no such sale. Where it was before, that is the end of it. A server of another history may
// be the wrong one, and not for long: what we hold for buyers waits as long as a lease.
func (k *Keeper) missing(err error) {
	var r *luascripts.Refusal
	if !errors.Is(err, luascripts.ErrBirth) && !errors.Is(err, luascripts.ErrNoSale) || !errors.As(err, &r) {
		k.recovery.absent = k.recovery.absent && err != nil
		return
	}
	if !k.recovery.absent {
		k.recovery.absent, k.recovery.absentAt = true, k.now
	}
	holds := len(k.leases)+len(k.claims.batch) > 0 || k.a.ring.unread() > 0
	if r.Era == k.view.Era || !holds || k.now.Sub(k.recovery.absentAt) >= k.cfg.Term+k.cfg.Bounds.Margin {
		k.gone = err
	}
}

// adjust brings a lease in line with the ledger.
func (k *Keeper) adjust(h *holding, sent Instant, head luascripts.Head, g luascripts.Grant) {
	if g.Deadline == 0 {
		k.drop(h)
		return
	}
	if lost := h.rest.Without(g.Ranges); len(lost) > 0 {
		for _, r := range lost {
			k.forfeit(h, r)
		}
		k.replace(h)
	}
	extra := luascripts.NewRangeSet(g.Ranges)
	for _, r := range extra.Without(h.rest.Ranges()) {
		k.recovery.excess = append(k.recovery.excess, luascripts.Part{Fence: h.fence, Range: r})
	}
	k.prolong(h, k.term(sent, head, g.Deadline))
	k.closeIfResolved(h)
}

// replace puts another Lease in a holding's place. A taker who has found the old one, and sleeps with a serial that the ledger has
// given to others, finds its term over: the term of what is left may be renewed, and that serial is not in it.
func (k *Keeper) replace(h *holding) {
	old := h.Lease
	h.Lease = &Lease{fence: old.fence, hold: old.hold}
	h.term.Store(old.term.Load())
	k.publish(k.a.table.Load().under(old, h.Lease))
	old.end()
}

// forfeit lets go of units that are another's now. What of them is sold already stays in the Ring: its settle will tell.
func (k *Keeper) forfeit(h *holding, r shard.Range) {
	if !h.lapsed {
		for _, got := range k.a.stock.Withdraw(r) {
			k.park(h, got)
		}
		k.publish(k.a.table.Load().less(h.Lease, r))
		k.withdrawn = append(k.withdrawn, withdrawal{k.now, luascripts.Ranges{r}})
	}
	parked := luascripts.NewRangeSet(h.parked)
	for _, lost := range parked.CutAll(r) {
		h.rest.CutAll(lost)
	}
	h.parked = parked.Ranges()
}
