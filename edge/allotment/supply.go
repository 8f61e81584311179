package allotment

import (
	"errors"
	"slices"
	"time"

	"spike/luascripts"
	"spike/shard"
)

// answer takes in what the ledger said to one of the calls.
func (k *Keeper) answer(e Answer) {
	if errors.Is(e.Err, luascripts.ErrBirth) || errors.Is(e.Err, luascripts.ErrNoSale) {
		k.gone = e.Err
	}
	k.down = errors.Is(e.Err, luascripts.ErrDown)
	failed := e.Err != nil
	switch q := e.Call.(type) {
	case luascripts.LeaseRequest:
		k.setLeasing(false)
		k.leased(e, failed)
	case luascripts.RenewRequest:
		k.renewing = false
		k.nextPoll = e.Sent.Add(k.pollEvery())
		if !failed {
			reply := e.Reply.(luascripts.RenewReply)
			k.look(reply.Head)
			k.renewed(e.Sent, q.Fences, reply)
		}
	case luascripts.SettleRequest:
		k.settling = false
		k.settled(e, failed)
	case luascripts.GiveBackRequest:
		k.backing = false
		k.gaveBack(e, q, failed)
	}
}

// look takes a reply's view of the sale. Replies may overtake each other; rev tells which is newer.
func (k *Keeper) look(h luascripts.Head) {
	if k.known && h.Birth == k.view.Birth && h.Rev < k.view.Rev {
		return
	}
	k.view, k.known = h, true
	k.a.view.Store(&h)
	if h.Free > 0 {
		k.barren = false
		k.retry = retryFirst
	}
}

// pollEvery is how long after a look at the sale the next is due; not past the moment its doors move.
func (k *Keeper) pollEvery() time.Duration {
	every := pollBusy
	if k.barren && k.view.Final() {
		every = pollDone
	}
	for _, door := range [...]int64{k.view.Opens, k.view.Closes} {
		if wait := time.Duration(door-k.view.Raw) * time.Microsecond; wait > 0 {
			every = min(every, wait+time.Millisecond)
		}
	}
	return every
}

// leased fills the Stock with a grant, or notes that there is none.
func (k *Keeper) leased(e Answer, failed bool) {
	if failed {
		k.nextLease = k.now.Add(retryFirst)
		k.refuse(e.Err)
		k.a.announce()
		return
	}
	reply := e.Reply.(luascripts.LeaseReply)
	k.refused = ""
	first := !k.known
	k.look(reply.Head)
	if first {
		k.nextPoll = e.Sent.Add(k.pollEvery())
	}
	if reply.Grant.Fence == 0 {
		k.barren = reply.Free == 0
		k.nextLease = k.now.Add(k.retry)
		k.retry = min(2*k.retry, pollBusy)
		return
	}
	k.barren = false
	k.retry = retryFirst
	k.take(e.Sent, reply)
}

// refuse notes why the ledger grants nothing, when it says so.
func (k *Keeper) refuse(err error) {
	var r *luascripts.Refusal
	if errors.As(err, &r) {
		k.refused = r.Why
		k.nextLease = k.nextLease.Add(pollDone)
	}
}

// take puts a grant on sale: the Table first, the Stock second. Too soon after a lapse, or after its own time, it
// goes back unused (see doc.go).
func (k *Keeper) take(sent Instant, reply luascripts.LeaseReply) {
	g := reply.Grant
	h := &holding{Lease: &Lease{fence: g.Fence, hold: g.Hold}, ranges: g.Ranges, rem: g.Ranges.Len()}
	h.term.Store(k.term(sent, reply.Head, g.Deadline))
	k.leases[g.Fence] = h
	tooSoon := k.everLost && k.now.Mono-k.withdrawn.Mono < k.a.margin
	if k.stopping || tooSoon || !h.term.Load().open(k.now) {
		k.giveBackOf(h, g.Ranges)
		return
	}
	k.publish(k.a.table.Load().with(h.Lease, g.Ranges))
	k.fill(g.Ranges)
}

func (k *Keeper) fill(ranges luascripts.Ranges) {
	if k.a.stock.Empty() {
		k.rate.restart(k.now)
	}
	k.a.stock.Fill(ranges...)
	k.rate.filled += ranges.Len()
	k.a.announce()
}

// term counts a lease's life from the moment the call was sent: it cannot have begun earlier.
func (k *Keeper) term(sent Instant, h luascripts.Head, deadline int64) *Term {
	sell := sent.Add(k.cfg.Term - k.cfg.Bounds.Margin)
	return &Term{sellMono: sell.Mono, sellWall: sell.Wall, deadline: deadline, anchor: h.Now - sent.Mono/1000}
}

func (k *Keeper) publish(t *Table) {
	k.a.table.Load().replaced.Store(k.now.Mono) // first: a taker who sees t must find the time on the old one
	k.a.table.Store(t)
}

// lapse takes the serials of leases whose time to sell is over out of the Stock.
func (k *Keeper) lapse() {
	for _, h := range k.leases {
		if !h.lapsed && !h.term.Load().open(k.now) {
			k.withdraw(h)
		}
	}
}

// withdraw parks what of a lease is still in the Stock.
func (k *Keeper) withdraw(h *holding) {
	h.lapsed = true
	for _, r := range h.ranges {
		for _, got := range k.a.stock.Withdraw(r) {
			k.park(h, got)
		}
	}
	k.publish(k.a.table.Load().without(h.Lease))
	k.withdrawn, k.everLost = k.now, true
}

// park keeps what is this lease's own; a serial resolved under it may be here under a newer lease.
func (k *Keeper) park(h *holding, got shard.Range) {
	if k.a.table.Load().find(got.Start) == h.Lease {
		h.parked = append(h.parked, got)
		k.rate.filled -= uint64(got.Len())
		return
	}
	k.a.stock.Fill(got)
}

// renewed moves deadlines, and lets go of what the ledger has no more.
func (k *Keeper) renewed(sent Instant, fences []uint64, reply luascripts.RenewReply) {
	for i, fence := range fences {
		h := k.leases[fence]
		switch {
		case h == nil:
		case reply.Deadlines[i] == 0:
			k.drop(h)
		default:
			h.term.Store(k.term(sent, reply.Head, reply.Deadlines[i]))
			k.revive(h)
		}
	}
}

// revive puts a lapsed lease's units back on sale: they never left the lease.
func (k *Keeper) revive(h *holding) {
	if !h.lapsed || !h.term.Load().open(k.now) {
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
	if !h.lapsed {
		k.withdraw(h)
	}
	delete(k.leases, h.fence)
}

// resolved counts units of a lease that the ledger has heard of.
func (k *Keeper) resolved(fence uint64, n uint64) {
	if h := k.leases[fence]; h != nil {
		h.rem -= min(h.rem, n)
		k.endIfDone(h)
	}
}

// endIfDone lets a lease go of which nothing is left but what is in doubt. The next renewal does not name it, and what
// the ledger still has of it goes free: nobody was promised that.
func (k *Keeper) endIfDone(h *holding) {
	if h.rem > h.doubted {
		return
	}
	delete(k.leases, h.fence)
	if !h.lapsed {
		k.publish(k.a.table.Load().without(h.Lease))
	}
}

// retire ends every lease that once held serials in doubt: what of it is here goes back, its claims are settled, and
// only then is it let go.
func (k *Keeper) retire(units shard.Range) {
	for _, h := range k.leases {
		if !slices.ContainsFunc(h.ranges, func(r shard.Range) bool { return r.Start <= units.Start && units.End <= r.End }) {
			continue
		}
		h.doubted += uint64(units.Len())
		if !h.lapsed {
			k.withdraw(h)
		}
		k.giveBackOf(h, h.parked)
		h.parked = nil
		k.endIfDone(h)
	}
}

// giveBack names drained units to the ledger, each under its lease.
func (k *Keeper) giveBack(ranges []shard.Range) {
	for _, r := range ranges {
		k.rate.filled -= uint64(r.Len())
		if l := k.a.table.Load().find(r.Start); l != nil {
			k.back = append(k.back, luascripts.Part{Fence: l.fence, Range: r})
		}
	}
}

func (k *Keeper) giveBackOf(h *holding, ranges luascripts.Ranges) {
	for _, r := range ranges {
		k.back = append(k.back, luascripts.Part{Fence: h.fence, Range: r})
	}
}

func (k *Keeper) gaveBack(e Answer, q luascripts.GiveBackRequest, failed bool) {
	if failed {
		k.nextBack = k.now.Add(retryFirst)
		return
	}
	k.look(e.Reply.(luascripts.GiveBackReply).Head)
	k.back = slices.Delete(k.back, 0, k.backSent)
	for _, p := range q.Parts {
		k.resolved(p.Fence, uint64(p.Len()))
	}
}

// settled frees the slots of a batch the ledger has answered for.
func (k *Keeper) settled(e Answer, failed bool) {
	if failed {
		k.nextSettle = k.now.Add(retryFirst)
		return
	}
	reply := e.Reply.(luascripts.SettleReply)
	k.look(reply.Head)
	for i, c := range k.batch {
		k.verdictOn(c, reply.Verdicts[i])
	}
	k.batch = k.batch[:0:0]
	k.a.ring.free()
}

func (k *Keeper) verdictOn(c luascripts.Claim, v luascripts.Verdict) {
	k.a.tell(c.Nonce, v)
	switch v {
	case luascripts.TooLate:
		k.a.lost.Add(1)
		k.back = append(k.back, luascripts.Part{Fence: c.Fence, Range: shard.Range{Start: c.Serial, End: c.Serial + c.Count}})
		return
	case luascripts.Resolved:
		k.a.lost.Add(1)
	case luascripts.Kept:
	}
	k.resolved(c.Fence, uint64(c.Count))
}
