package sim

import (
	"slices"

	"spike/luascripts/ledger"
)

// bought is one buy of a call, and the ledger's answer.
type bought struct {
	q     ledger.DeductRequest
	r     ledger.DeductReply
	err   error
	freed bool // another buy of the call may have set units free behind it
}

// boughtBy returns the buys of a call that was not refused.
func boughtBy(call, reply any) (all []bought) {
	switch q := call.(type) {
	case ledger.DeductRequest:
		return []bought{{q: q, r: reply.(ledger.DeductReply)}}
	case deducts:
		offers := slices.ContainsFunc(q, func(q ledger.DeductRequest) bool { return q.Offer.Count > 0 })
		for i, d := range reply.([]ledger.Deducted) {
			all = append(all, bought{q: q[i], r: d.DeductReply, err: d.Err, freed: len(q) > 1 && (offers || d.Due)})
		}
	}
	return all
}

// none says whether the answer is that no free unit can be had.
func (b bought) none() bool {
	return b.err == nil && b.r.Answer == ledger.Unavailable && b.q.Offer.Count == 0 && !b.q.ByLot && !b.freed
}

// fresh says whether the answer has a claim that nobody was told before. An answer under a key may be older.
func (b bought) fresh() bool {
	return b.err == nil && b.r.Answer == ledger.Granted && b.q.Offer.Count == 0 && b.q.Key == ledger.IdempotencyKey{}
}

// keptAnswer is the first answer under a key in a server's history.
type keptAnswer struct {
	n uint32
	ledger.DeductReply
}

// keepAnswer notes the first answer under a key, and returns it. Of a buyer's refusals the ledger keeps only some.
func (s *server) keepAnswer(b bought) (first keptAnswer, known bool) {
	if b.err != nil || b.q.Key == (ledger.IdempotencyKey{}) {
		return first, false
	}
	first, known = s.answers[b.q.Key]
	switch {
	case known:
	case b.r.Answer == ledger.OverLimit:
		if s.refused[b.q.Buyer]++; s.refused[b.q.Buyer] > s.w.bounds.Refused {
			break
		}
		fallthrough
	case b.r.Answer == ledger.Granted:
		s.answers[b.q.Key] = keptAnswer{b.q.N, b.r}
	}
	return first, known
}

// refuses checks that a refused call has sold nothing.
func (c *checks) refuses(call any, was, is ledger.Head) {
	if is.Owned() > was.Owned() {
		c.w.fail("%v is refused, and %d units are sold by it", brief(call), is.Owned()-was.Owned())
	}
}

// buys checks the buys of a call, each by itself.
func (c *checks) buys(s *server, call, reply any) {
	granted := false
	for _, b := range boughtBy(call, reply) {
		first, known := s.keepAnswer(b)
		if b.err != nil {
			continue
		}
		granted = granted || b.r.Answer == ledger.Granted
		switch {
		case known:
			c.repeats(b, first)
		case b.r.Answer == ledger.KeyUsed:
			c.w.fail("key %x has no answer, and is used up", b.q.Key[:8])
		case b.r.Answer == ledger.Granted && !b.q.ByLot:
			c.grants(s, b)
		case b.r.Answer == ledger.OverLimit:
			c.refusesBuyer(s, b)
		}
		c.releases(s, b)
	}
	if granted && c.w.fates.together.limit > 0 {
		c.limited(s)
	}
}

// repeats checks that a key is answered as the first time. For another n it is used.
func (c *checks) repeats(b bought, first keptAnswer) {
	if b.q.N != first.n && b.r.Answer == ledger.KeyUsed || b.q.N == first.n && sameAnswer(b.r, first.DeductReply) {
		return
	}
	c.w.fail("key %x was answered %v for %d, and is answered %v for %d", b.q.Key[:8], brief(first.DeductReply), first.n,
		brief(b.r), b.q.N)
}

// grants checks that a buy has got the units it asked for, and that they are the buyer's.
func (c *checks) grants(s *server, b bought) {
	claim, nonce := b.r.Claim, b.q.Nonce
	if b.q.Offer.Count > 0 {
		nonce = b.q.Offer.Nonce
	}
	if claim.Count != b.q.N || claim.Nonce != nonce {
		c.w.fail("%v is answered by %v", brief(b.q), brief(claim))
	}
	for serial := claim.Serial; serial < claim.Serial+claim.Count; serial++ {
		if o, _, owned := s.twin.Owner(serial); !owned || idOf(o) != idOf(claim) {
			c.w.fail("%v was sold to %v, and %d is %v", brief(claim), brief(b.q), serial, brief(o))
		}
	}
}

// releases checks that an offer which its key does not need has left its lease. An offer whose own time is over stays there: it
// is nobody's, and goes free with the lease.
func (c *checks) releases(s *server, b bought) {
	o := b.q.Offer
	if o.Count == 0 || o.Expiry <= b.r.Now || b.r.Answer == ledger.Unavailable || idOf(b.r.Claim) == idOf(o) {
		return
	}
	for _, r := range s.twin.Leased(o.Fence) {
		if r.Start <= o.Serial && o.Serial < r.End {
			c.w.fail("key %x has another claim, and what was offered to it, %v, is still leased", b.q.Key[:8], brief(o))
		}
	}
}

// refusesBuyer checks that a buyer who hears of the limit has as much.
func (c *checks) refusesBuyer(s *server, b bought) {
	if has := s.owners()[b.q.Buyer]; has+b.q.N <= c.w.fates.together.limit {
		c.w.fail("buyer %x has %d units of %d, wants %d, and hears of the limit", b.q.Buyer, has, c.w.fates.together.limit, b.q.N)
	}
}

// limited checks that nobody has more than the limit, unit by unit.
func (c *checks) limited(s *server) {
	for buyer, n := range s.owners() {
		if n > c.w.fates.together.limit {
			c.w.fail("buyer %x has %d units, and the limit is %d", buyer, n, c.w.fates.together.limit)
		}
	}
}

// owners is how many units each buyer has.
func (s *server) owners() map[ledger.Buyer]uint32 {
	has := map[ledger.Buyer]uint32{}
	for serial := uint32(1); uint64(serial) <= s.twin.Last().Total; serial++ {
		if o, _, owned := s.twin.Owner(serial); owned {
			has[o.Buyer]++
		}
	}
	return has
}
