package sim

import (
	"errors"
	"time"

	"spike/luascripts/ledger"
)

// auditEvery is how many scripts run between two audits. An audit takes long if hundreds of edges have leases.
func (f fates) auditEvery() int {
	if f.crowded() {
		return 1000
	}
	return 24
}

// ran checks every script, on whichever server it ran. It checks little on a server that is no longer the primary, because
// nobody may act on its answers.
func (c *checks) ran(s *server, e *entry, reply any, err error) {
	if c.w.telling {
		said := reply
		if err != nil {
			said = err
		}
		c.w.tell("Redis %d: %v -> %v", s.id, e.call, said)
	}
	c.counts(s)
	if err == nil {
		c.fences(s, e.call, reply)
		c.buys(s, e.call, reply)
		c.inARow(s, e.call, reply)
		c.kept(s, e, reply)
	}
	if s != c.w.primary {
		c.cancelsThere(e, reply, err)
		return
	}
	c.paced(s.twin.Last())
	c.inTime(s)
	switch q := e.call.(type) {
	case ledger.SettleRequest:
		if err == nil {
			c.settles(q, reply.(ledger.SettleReply))
		}
	case ledger.ReassertRequest:
		if err == nil {
			c.caughtUp(q, reply.(ledger.ReassertReply))
		}
	case byToken:
		c.letGo(q, reply.(ledger.ReservationReply))
		c.honours(q, reply.(ledger.ReservationReply), err)
	case ledger.ChangeRequest:
		if err != nil {
			c.w.fail("the operator is refused: %v", err)
		}
	}
	if c.scripts++; c.scripts%c.w.fates.auditEvery() == 0 {
		c.audit()
		c.owns()
	}
}

// cancelsThere notes a cancel on an old primary: the holder has let go of its promise there too.
func (c *checks) cancelsThere(e *entry, reply any, err error) {
	q, ok := e.call.(byToken)
	if !ok || err != nil {
		return
	}
	r := reply.(ledger.ReservationReply)
	c.letGo(q, r)
	if p := c.of(q.claim); p != nil && q.what == cancel && r.Life == ledger.IsCancelled {
		p.over = true
	}
}

// counts checks that the counters add up.
func (c *checks) counts(s *server) {
	if h := s.twin.Last(); h.Free+h.Leased+h.Limbo+h.Pending+h.Confirmed != h.Total {
		c.w.fail("Redis %d does not add up: %v", s.id, brief(h))
	}
}

// paced checks ledger time. Whatever clocks and servers do, it gains at most a step each time, so no hold ends early by more.
// A store that kept everything must not make buyers wait for a hold.
func (c *checks) paced(h ledger.Head) {
	step := c.w.bounds.Step
	if ahead := time.Duration(h.Now-c.w.now/1000) * time.Microsecond; ahead > maxSkew+time.Duration(c.w.moves+1)*step {
		c.w.fail("ledger time is %v ahead after %d changes of clocks and servers", ahead, c.w.moves)
	}
	wait := time.Duration(h.Reopens-h.Now) * time.Microsecond
	// An instance may be away for more eras than the ledger remembers. Then the ledger must assume that it acted on lost grants.
	whole := c.w.fates.store == fsynced && c.w.backups == 0 && c.w.eras <= ledger.PastEras
	if whole && h.Reopens > 0 && wait > max(c.w.fates.term+c.w.bounds.Margin, c.w.bounds.Proof) {
		c.w.fail("nothing was lost, and nothing is granted for %v", wait)
	}
}

// caughtUp checks a re-assertion after lost history: ledger time must be at least as late as the instance was told.
func (c *checks) caughtUp(q ledger.ReassertRequest, r ledger.ReassertReply) {
	if c.w.fates.store == lossy && r.Era == q.Era && r.Reopens > 0 && r.Now < q.Told {
		c.w.fail("%s was told that it is %d, and in the recovery it is %d", q.Instance, q.Told, r.Now)
	}
}

// audit checks conservation unit by unit.
func (c *checks) audit() {
	if a := c.w.primary.twin.Audit(saleName); !a.OK {
		c.w.fail("audit: %v", a.Violations)
	}
}

// fences checks every new fence of a call. A key's claim may be older.
func (c *checks) fences(s *server, call, reply any) {
	all := boughtBy(call, reply)
	if all == nil {
		c.fence(s, reply)
	}
	for _, b := range all {
		if b.fresh() {
			c.fence(s, b.r)
		}
	}
}

// fence checks that fences grow within a history.
func (c *checks) fence(s *server, reply any) {
	f, fresh := s.keepFence(reply)
	if fresh && f <= s.highest {
		c.w.fail("Redis %d grants under fence %d, after %d", s.id, f, s.highest)
	}
	if fresh {
		s.highest = f
	}
}

// settles checks that a told claim is kept if the ledger hears of it in time, whatever happened in between.
func (c *checks) settles(q ledger.SettleRequest, r ledger.SettleReply) {
	for i, claim := range q.Claims {
		p := c.of(claim)
		c.beyond(p, r.Total)
		switch {
		case p == nil || p.Claim != claim:
			c.w.fail("%s settles %v, which nobody has decided", q.Instance, brief(claim))
		case r.Verdicts[i] != ledger.Kept && r.Now < claim.Expiry && !p.over && !p.excused && !p.outlasted(c.w):
			c.w.fail("%s told a buyer of %v, and in time, at %d, the ledger says %v", q.Instance, brief(claim), r.Now, r.Verdicts[i])
		}
	}
}

// beyond excuses a promise of units that were added in a lost history.
func (c *checks) beyond(p *promise, total uint64) {
	if p != nil && c.w.Histories > 0 && uint64(p.Serial+p.Count) > total+1 {
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
		c.w.fail("%v is refused: %v", brief(q), err)
	case p.paid != nil && r.Life != ledger.IsConfirmed:
		c.w.fail("%v was confirmed, and is %v", brief(q.claim), r.Life)
	case r.Life == ledger.IsCancelled:
		p.over = p.over || q.what == cancel
		fallthrough
	case r.Life == ledger.IsExpired:
		// If history was lost, and ledger time with it, a later buyer of the unit has the better right.
		if p.live(r.Now, c.hold) && !p.over && !p.excused && (!p.beaten || c.w.Histories == 0) {
			c.w.fail("%v is refused at %d: %v", brief(q), r.Now, r.Life)
		}
	case r.Life == ledger.IsRefunded && p.over:
	case q.what == confirm && r.Life != ledger.IsConfirmed, q.what == cancel && r.Life != ledger.IsConfirmed,
		q.what == release && r.Life != ledger.IsRefunded,
		q.what == prolong && r.Life != ledger.IsConfirmed && r.Life != ledger.IsPending:
		c.w.fail("%v comes to nothing: %v", brief(q), r.Life)
	}
	if q.what == cancel && r.Life == ledger.IsCancelled && err == nil {
		c.w.fresh = c.w.now
	}
}
