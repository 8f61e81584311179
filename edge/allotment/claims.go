package allotment

import (
	"spike/luascripts/ledger"
	"spike/shard"
)

// The way of a claim out of the Ring: read, settled, resolved.

// read takes claims from the Ring into the next batch, once they have waited long enough or are many.
func (k *Keeper) read() {
	k.a.resting.Store(true)
	unread := k.a.ring.unread()
	if unread == 0 {
		k.claims.unread = false
		return
	}
	k.a.resting.Store(false)
	if !k.claims.unread {
		k.claims.unread, k.claims.since = true, k.now
	}
	ripe := unread >= maxBatch || k.claims.more || k.stopping || k.a.awaited() || k.now.Sub(k.claims.since) >= linger
	if len(k.claims.batch)+len(k.claims.offers) > 0 || k.claims.busy || !ripe {
		return
	}
	k.claims.first = k.claims.since
	k.claims.more = k.a.ring.collect(maxBatch, k.readOne)
	k.claims.unread, k.claims.since = k.a.ring.unread() > 0, k.now // some may be reserved and not written yet
	k.freeAnswered()
	if len(k.claims.batch) == 0 {
		return
	}
	k.claims.number++
	k.claims.due = k.now
}

// oldest is when the oldest claim that is not settled was first seen, by the monotonic clock; 0: there is none.
func (c *claims) oldest() int64 {
	switch {
	case len(c.batch)+len(c.offers) > 0:
		return c.first.Mono
	case c.unread:
		return c.since.Mono
	}
	return 0
}

func (k *Keeper) readOne(r record) {
	switch r.kind {
	case claim:
		k.claims.batch = append(k.claims.batch, r.Claim)
	case key:
		k.claims.key = r.key()
	case offer:
		if k.cfg.Bounds.Lacks(OfferSettles) {
			k.claims.batch = append(k.claims.batch, r.Claim)
			return
		}
		k.claims.offers = append(k.claims.offers, &offering{Offer: Offer{r.Claim, k.claims.key}, next: k.now.Add(askAfter)})
	case unsold:
		k.returns.parts = append(k.returns.parts, ledger.Part{Fence: r.Fence, Range: unitsOf(r.Claim)})
	case doubt:
		k.retire(unitsOf(r.Claim))
	case void:
	}
}

// settled frees the slots of a batch that the ledger has answered for.
func (k *Keeper) settled(e Answer) {
	if !k.claims.ended(k.now, e.Err) {
		return
	}
	reply := e.Reply.(ledger.SettleReply)
	k.look(reply.Head, e.Sent)
	k.act(reply.Head)
	for i, c := range k.claims.batch {
		k.verdictOn(c, reply.Verdicts[i])
	}
	k.claims.batch = k.claims.batch[:0:0]
	k.freeAnswered()
	k.roomMade()
}

func (k *Keeper) verdictOn(c ledger.Claim, v ledger.Verdict) {
	k.a.tell(c.Nonce, v)
	if v != ledger.Kept {
		k.a.lost.Add(1)
	}
	if v == ledger.TooLate {
		k.returns.parts = append(k.returns.parts, ledger.Part{Fence: c.Fence, Range: unitsOf(c)})
		return
	}
	k.resolved(c.Fence, unitsOf(c))
}

func unitsOf(c ledger.Claim) shard.Range {
	return shard.Range{Start: c.Serial, End: c.Serial + c.Count}
}
