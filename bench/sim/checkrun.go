package sim

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"spike/luascripts/ledger"
	"spike/shard"
)

// ran checks every script. Nobody may act on the answers of a server that is no longer the primary, so little is checked there.
func (c *checks) ran(s *server, e *entry, reply any, err error) {
	h := s.twin.Last()
	c.tell("Redis %d: %v -> %v", s.id, e.call, cmp.Or[any](err, reply))
	if h.Free+h.Leased+h.Limbo+h.Pending+h.Confirmed != h.Total {
		c.fail("Redis %d does not add up: %v", s.id, h)
	}
	if h.Lots.Kept > h.Free {
		c.fail("Redis %d keeps %d units for winners: %v", s.id, h.Lots.Kept, h)
	}
	if err == nil {
		c.fences(s, e.call, reply)
		c.buys(s, e, reply)
		c.inARow(s, e.call, reply)
	}
	if q, ok := e.call.(byToken); ok {
		c.letGo(q, reply.(ledger.ReservationReply))
	}
	if s != c.primary {
		return
	}
	c.paced(h)
	c.inTime(s)
	switch q := e.call.(type) {
	case ledger.SettleRequest:
		if err == nil {
			c.settles(q, reply.(ledger.SettleReply))
		}
	case ledger.ReassertRequest: // after lost history, ledger time must be at least as late as the instance was told
		r := reply.(ledger.ReassertReply)
		if err == nil && c.fates.store == lossy && r.Era == q.Era && r.Reopens > 0 && r.Now < q.Told {
			c.fail("%s was told that it is %d, and in the recovery it is %d", q.Instance, q.Told, r.Now)
		}
	case byToken:
		c.honours(q, reply.(ledger.ReservationReply), err)
	case ledger.ChangeRequest:
		if err != nil {
			c.fail("the operator is refused: %v", err)
		}
	}
	every := 24            // scripts
	if c.fates.crowded() { // an audit takes long if hundreds of edges have leases
		every = 1000
	}
	if c.scripts++; c.scripts%every == 0 {
		c.audit()
	}
}

// letGo notes a cancel or a refund, on any server: nobody counts on the promise any more.
func (c *checks) letGo(q byToken, r ledger.ReservationReply) {
	p := c.of(q.claim)
	switch {
	case p == nil:
	case q.what == cancel && r.Life == ledger.IsCancelled:
		p.over = true
	case q.what == release && r.Life == ledger.IsRefunded:
		p.paid, p.over = answer{}, true
		c.fresh = c.now
	}
}

// paced checks ledger time. Whatever clocks and servers do, it gains at most a step each time, so no hold ends early by more.
// A store that kept everything must not make buyers wait for a hold.
func (c *checks) paced(h ledger.Head) {
	step := c.bounds.Step
	if ahead := time.Duration(h.Now-c.now/1000) * time.Microsecond; ahead > maxSkew+time.Duration(c.moves+1)*step {
		c.fail("ledger time is %v ahead after %d changes of clocks and servers", ahead, c.moves)
	}
	wait := time.Duration(h.Reopens-h.Now) * time.Microsecond
	// An instance may be away for more eras than the ledger remembers. Then the ledger must assume that it acted on lost grants.
	whole := c.fates.store == fsynced && c.backups == 0 && c.eras <= ledger.PastEras
	if whole && h.Reopens > 0 && wait > max(c.fates.term+c.bounds.Margin, c.bounds.Proof) {
		c.fail("nothing was lost, and nothing is granted for %v", wait)
	}
}

// audit checks conservation unit by unit.
func (c *checks) audit() {
	if a := c.primary.twin.Audit(saleName); !a.OK {
		c.fail("audit: %v", a.Violations)
	}
	c.owns()
}

// fences checks that the new fences of a call grow within a history.
func (c *checks) fences(s *server, call, reply any) {
	for _, f := range fencesOf(call, reply) {
		if s.fences[f] {
			continue
		}
		if f <= s.highest {
			c.fail("Redis %d grants under fence %d, after %d", s.id, f, s.highest)
		}
		s.fences[f], s.highest = true, f
	}
}

// fencesOf returns the fences of the grants of a call. A key's claim may be older, and an offer is no grant.
func fencesOf(call, reply any) (fences []uint64) {
	if r, ok := reply.(ledger.LeaseReply); ok && r.Grant.Fence > 0 {
		fences = append(fences, r.Grant.Fence)
	}
	for _, b := range boughtBy(call, reply) {
		if b.Err == nil && b.Answer == ledger.Granted && b.q.Offer.Count == 0 && b.q.Key == none {
			fences = append(fences, b.Claim.Fence)
		}
	}
	return fences
}

// settles checks that a told claim is kept if the ledger hears of it in time, whatever happened in between.
func (c *checks) settles(q ledger.SettleRequest, r ledger.SettleReply) {
	for i, claim := range q.Claims {
		p := c.of(claim)
		c.beyond(p, r.Total)
		switch {
		case p == nil || p.Claim != claim:
			c.fail("%s settles %v, which nobody has decided", q.Instance, claim)
		case r.Verdicts[i] != ledger.Kept && r.Now < claim.Expiry && !p.over && !p.excused && !p.outlasted():
			c.fail("%s told a buyer of %v, and in time, at %d, the ledger says %v", q.Instance, claim, r.Now, r.Verdicts[i])
		}
	}
}

// beyond excuses a promise of units that were added in a lost history.
func (c *checks) beyond(p *promise, total uint64) {
	if p != nil && c.Histories > 0 && uint64(p.Serial+p.Count) > total+1 {
		p.excused = true
	}
}

// honours checks that a token that is shown in time is good.
func (c *checks) honours(q byToken, r ledger.ReservationReply, err error) {
	p := c.of(q.claim)
	c.beyond(p, r.Total)
	switch {
	case errors.Is(err, ledger.ErrReassert), errors.Is(err, ledger.ErrRecovering): // ask again
	case err != nil:
		c.fail("%v is refused: %v", q, err)
	case p.isPaid() && r.Life != ledger.IsConfirmed:
		c.fail("%v was confirmed, and is %v", q.claim, r.Life)
	case r.Life == ledger.IsCancelled, r.Life == ledger.IsExpired:
		// If history was lost, and ledger time with it, a later buyer of the unit has the better right.
		if p.live(r.Now) && !p.over && !p.excused && (!p.beaten || c.Histories == 0) {
			c.fail("%v is refused at %d: %v", q, r.Now, r.Life)
		}
	case r.Life == ledger.IsRefunded && p.over:
	case q.what == confirm && r.Life != ledger.IsConfirmed, q.what == cancel && r.Life != ledger.IsConfirmed,
		q.what == release && r.Life != ledger.IsRefunded,
		q.what == prolong && r.Life != ledger.IsConfirmed && r.Life != ledger.IsPending:
		c.fail("%v comes to nothing: %v", q, r.Life)
	}
	if q.what == cancel && r.Life == ledger.IsCancelled && err == nil {
		c.fresh = c.now
	}
}

// bought is one buy of a call, and the ledger's answer.
type bought struct {
	q ledger.DeductRequest
	ledger.Deducted
	freed bool // another buy of the call may have set units free behind it
}

// boughtBy returns the buys of a call that was not refused.
func boughtBy(call, reply any) (all []bought) {
	switch q := call.(type) {
	case ledger.DeductRequest:
		return []bought{{q: q, Deducted: ledger.Deducted{DeductReply: reply.(ledger.DeductReply)}}}
	case []ledger.DeductRequest:
		offers := slices.ContainsFunc(q, func(q ledger.DeductRequest) bool { return q.Offer.Count > 0 })
		for i, d := range reply.([]ledger.Deducted) {
			all = append(all, bought{q[i], d, len(q) > 1 && (offers || d.Due)})
		}
	}
	return all
}

// keepAnswer notes the first answer under a key in a server's history, and returns it. Of a buyer's refusals the ledger keeps
// only some.
func (s *server) keepAnswer(b bought) (first bought, known bool) {
	if b.Err != nil || b.q.Key == none {
		return first, false
	}
	first, known = s.answers[b.q.Key]
	refused := b.Answer == ledger.OverLimit
	if !known && refused {
		s.refused[b.q.Buyer]++
	}
	if !known && (b.Answer == ledger.Granted || refused && s.refused[b.q.Buyer] <= s.w.bounds.Refused) {
		s.answers[b.q.Key] = b
	}
	return first, known
}

// buys checks the buys of a call, each by itself.
func (c *checks) buys(s *server, e *entry, reply any) {
	granted, limit := false, c.fates.limit
	for _, b := range boughtBy(e.call, reply) {
		first, known := s.keepAnswer(b)
		if b.Err != nil {
			continue
		}
		granted = granted || b.Answer == ledger.Granted
		switch {
		case known: // for another n the key is used
			again := b.q.N == first.q.N && sameAnswer(b.DeductReply, first.DeductReply) || b.q.N != first.q.N && b.Answer == ledger.KeyUsed
			if !again {
				c.fail("key %x was answered %v for %d, and is answered %v for %d", b.q.Key[:8], first.DeductReply, first.q.N,
					b.DeductReply, b.q.N)
			}
		case b.Answer == ledger.KeyUsed:
			c.fail("key %x has no answer, and is used up", b.q.Key[:8])
		case b.Answer == ledger.Granted && !b.q.ByLot:
			c.grants(s, b)
		case b.Answer == ledger.OverLimit:
			if has := s.owners()[b.q.Buyer]; has+b.q.N <= limit { // the buyer has not as much
				c.fail("buyer %x has %d units of %d, wants %d, and hears of the limit", b.q.Buyer, has, limit, b.q.N)
			}
		}
		c.releases(s, b)
		if b.q.ByLot {
			c.lot(s, e, b)
		}
	}
	if !granted || limit == 0 {
		return
	}
	for buyer, n := range s.owners() {
		if n > limit {
			c.fail("buyer %x has %d units, and the limit is %d", buyer, n, limit)
		}
	}
}

// grants checks that a buy has got the units it asked for, and that they are the buyer's.
func (c *checks) grants(s *server, b bought) {
	claim, nonce := b.Claim, b.q.Nonce
	if b.q.Offer.Count > 0 {
		nonce = b.q.Offer.Nonce
	}
	if claim.Count != b.q.N || claim.Nonce != nonce {
		c.fail("%v is answered by %v", b.q, claim)
	}
	for serial := claim.Serial; serial < claim.Serial+claim.Count; serial++ {
		if o, _, owned := s.twin.Owner(serial); !owned || idOf(o) != idOf(claim) {
			c.fail("%v was sold to %v, and %d is %v", claim, b.q, serial, o)
		}
	}
}

// releases checks that an offer which its key does not need has left its lease. An offer whose own time is over stays there: it
// is nobody's, and goes free with the lease.
func (c *checks) releases(s *server, b bought) {
	o := b.q.Offer
	if o.Count == 0 || o.Expiry <= b.Now || b.Answer == ledger.Unavailable || idOf(b.Claim) == idOf(o) {
		return
	}
	for _, r := range s.twin.Leased(o.Fence) {
		if r.Start <= o.Serial && o.Serial < r.End {
			c.fail("key %x has another claim, and what was offered to it, %v, is still leased", b.q.Key[:8], o)
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

// inARow checks buys of n: the answer is no only if there are no n in a row, and a lease for such buyers has n, if they exist.
func (c *checks) inARow(s *server, call, reply any) {
	longest := uint32(0)
	for _, r := range s.twin.Free() {
		longest = max(longest, r.Len())
	}
	for _, one := range boughtBy(call, reply) {
		none := one.Err == nil && one.Answer == ledger.Unavailable && one.q.Offer.Count == 0 && !one.q.ByLot && !one.freed
		if none && one.State == ledger.Open && one.Unkept() >= uint64(one.q.N) && longest >= one.q.N {
			c.fail("a buyer of %d hears no, and %d are free in a row: %v", one.q.N, longest, s.twin.Free())
		}
	}
	if q, ok := call.(ledger.LeaseRequest); ok {
		r := reply.(ledger.LeaseReply)
		runs := func(of shard.Range) bool { return of.Len() >= q.Run }
		if q.Run > 1 && r.Grant.Ranges.Len() >= uint64(q.Run) && longest >= q.Run && !slices.ContainsFunc(r.Grant.Ranges, runs) {
			c.fail("a lease for buyers of %d is %v, and %d are free in a row", q.Run, r.Grant.Ranges, longest)
		}
	}
}
