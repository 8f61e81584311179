package allotment

import (
	"errors"
	"slices"

	"spike/luascripts/ledger"
	"spike/shard"
)

// needsReassert says that the ledger is in another era than the newest re-assertion. An instance whose re-assertion in another
// era was not answered must re-assert again in the present era.
func (k *Keeper) needsReassert() bool {
	return k.recovery.asserted != k.view.Era || k.recovery.begun != 0 && k.recovery.begun != k.view.Era
}

// stale says that an answer is from a history before the newest re-assertion. The ledger may not have heard that one yet.
func (k *Keeper) stale(era uint64) bool { return k.recovery.begun != 0 && era != k.recovery.begun }

// recovering says that the ledger grants nothing until every instance has re-asserted, or until it has waited long enough.
func (k *Keeper) recovering() bool { return k.view.known && k.view.Reopens > 0 }

// outlived says that by one of the clocks here a lease may have been freed, and its units sold to others, in a history that is
// lost and unknown here.
func (k *Keeper) outlived(h *holding) bool {
	t := h.term.Load()
	late := max(k.now.Mono-t.sellMono, k.now.Wall-t.sellWall)
	return late >= 1000*h.hold+int64(k.cfg.Bounds.Margin)
}

// disclaim lets go of a lease's unsold units. Sold units stay to be settled, and the lease stays with them.
func (k *Keeper) disclaim(h *holding) {
	k.withdraw(h)
	for _, r := range h.parked {
		h.rest.CutAll(r)
	}
	h.parked = nil
	k.closeIfResolved(h)
}

// assertion names everything that this instance answers for: units on sale, and claims that are not settled.
func (k *Keeper) assertion() ledger.ReassertRequest {
	q := ledger.ReassertRequest{Party: k.party(), Era: k.view.Era, Term: k.cfg.Term,
		Was: k.recovery.asserted, LastApplied: k.recovery.lastApplied, Told: k.recovery.latest}
	for _, h := range slices.Clone(k.leases) {
		if k.outlived(h) && !k.cfg.Bounds.Lacks(KeepOutlived) {
			k.disclaim(h)
		}
	}
	for _, h := range k.leases {
		q.Leases = append(q.Leases, ledger.Held{Fence: h.fence, Request: h.req, Deadline: h.term.Load().deadline,
			Ranges: h.rest.Ranges()})
	}
	left := k.a.ring.left()
	for _, h := range ledger.HeldBy(left.All()) { // claims under leases that are over here
		if k.lease(h.Fence) == nil {
			q.Leases = append(q.Leases, h)
		}
	}
	return q
}

// reasserted takes the ledger's answer to a re-assertion.
func (k *Keeper) reasserted(e Answer, q ledger.ReassertRequest) {
	if !k.recovery.ended(k.now, e.Err) {
		return
	}
	reply := e.Reply.(ledger.ReassertReply)
	k.look(reply.Head, e.Sent)
	if reply.Era != q.Era { // yet another era: the next re-assertion follows at once
		return
	}
	k.recovery.asserted, k.recovery.lastApplied, k.recovery.assertedAt = q.Era, reply.Rev, k.now
	for i, held := range q.Leases {
		if h := k.lease(held.Fence); h != nil {
			k.adjust(h, e.Sent, reply.Head, reply.Grants[i])
		}
	}
}

// attend makes a resting Keeper look until a look succeeds, if news had asked for one. An instance that has acted on answers must
// say so in a new era while that may still count.
func (k *Keeper) attend(e Answer) {
	k.recovery.owes = e.Err != nil && !k.view.known
	k.polling.due = e.Sent.Add(k.pollEvery())
	if k.recovery.owes {
		k.polling.due = e.Sent.Add(pollDone)
	}
}

// act notes that an answer is acted on. A later era without that answer has lost history.
func (k *Keeper) act(h ledger.Head) {
	if h.Era == k.recovery.asserted {
		k.recovery.lastApplied = max(k.recovery.lastApplied, h.Rev)
	}
}

// missing takes the news that the sale does not exist. If the ledger is in the known era, the sale is gone. A server of another
// history may be the wrong one for a while, so units and claims wait for as long as a lease.
func (k *Keeper) missing(err error) {
	r, refused := errors.AsType[*ledger.Refusal](err)
	if !refused || !errors.Is(err, ledger.ErrBirth) && !errors.Is(err, ledger.ErrNoSale) {
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

// adjust makes a lease agree with the ledger.
func (k *Keeper) adjust(h *holding, sent Instant, head ledger.Head, g ledger.Grant) {
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
	extra := ledger.NewRangeSet(g.Ranges)
	for _, r := range extra.Without(h.rest.Ranges()) {
		k.recovery.excess = append(k.recovery.excess, ledger.Part{Fence: h.fence, Range: r})
	}
	k.extend(h, k.term(sent, head, g.Deadline))
	k.closeIfResolved(h)
}

// replace puts another Lease in a holding's place. A taker may have found the old Lease, and sleep with a serial that the ledger
// has given to others. That taker finds the old term over, even if the rest of the lease is renewed.
func (k *Keeper) replace(h *holding) {
	old := h.Lease
	h.Lease = &Lease{fence: old.fence, hold: old.hold}
	h.term.Store(old.term.Load())
	k.publish(k.a.table.Load().under(old, h.Lease))
	old.end()
}

// forfeit lets go of units that belong to others now. Sold units of them stay in the Ring, and their settle will tell.
func (k *Keeper) forfeit(h *holding, r shard.Range) {
	if !h.lapsed {
		for _, got := range k.a.stock.Withdraw(r) {
			k.park(h, got)
		}
		k.publish(k.a.table.Load().less(h.Lease, r))
		k.withdrawn = append(k.withdrawn, withdrawal{k.now, ledger.Ranges{r}})
	}
	parked := ledger.NewRangeSet(h.parked)
	for _, lost := range parked.CutAll(r) {
		h.rest.CutAll(lost)
	}
	h.parked = parked.Ranges()
}
