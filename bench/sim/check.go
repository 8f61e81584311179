package sim

import (
	"errors"
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// checks compares the edges and the ledger with the facts of the simulation.
type checks struct {
	w       *world
	owner   map[uint32]*promise // the newest winner of each serial that was told
	known   map[claimID]*promise
	order   []*promise // in the order of being told
	hold    int64      // the sale's
	covers  int64      // the hold, or the cover that stands for it
	drawn   bool       // lots have been drawn
	latest  int64      // the latest ledger time so far
	scripts int
}

func newChecks(w *world) checks {
	return checks{w: w, owner: map[uint32]*promise{}, known: map[claimID]*promise{}, hold: w.fates.hold.Microseconds(),
		covers: w.fates.binds().Microseconds()}
}

// scriptNow is the ledger time that a script would find now.
func (c *checks) scriptNow() int64 {
	h := c.w.primary.twin.Last()
	return h.Now + min(max(c.w.primary.raw()-h.Raw, 0), c.w.bounds.Step.Microseconds())
}

// ledgerNow is the latest ledger time so far. A hold that was over in a lost history is over.
func (c *checks) ledgerNow() int64 {
	c.latest = max(c.latest, c.scriptNow())
	return c.latest
}

// decided checks a Take that has read the clock. The Take must not be after the end of its lease, and its promise must not be
// longer than the lease allows.
func (c *checks) decided(e *edge, claim ledger.Claim) {
	c.stillSells(e, claim)
	deadline, now := max(e.deadline[claim.Fence], c.w.primary.twin.Deadline(claim.Fence)), c.scriptNow()
	if claim.Expiry > deadline+c.covers {
		c.w.fail("%s promises serial %d until %d, its lease is over at %d", e.name, claim.Serial, claim.Expiry, deadline)
	}
	granted := e.granted[claim.Fence] // a server that is no longer the primary granted it, and has its own ledger time
	if now >= deadline && !e.fooled && (granted == nil || c.w.primary.has(granted)) {
		c.w.fail("%s promises serial %d at %d, its lease is over at %d", e.name, claim.Serial, now, deadline)
	}
	c.known[idOf(claim)] = &promise{Claim: claim, birth: e.birth, edge: e, grant: e.granted[claim.Fence],
		ends: c.soon(c.covers)}
}

// soon is so many microseconds from now, in true time, by a clock that drifts.
func (c *checks) soon(us int64) int64 { return c.w.now + us*1000*101/100 }

// told checks a reply. A serial must have at most one live winner, and a fence must give a serial to one winner only.
func (c *checks) told(e *edge, claim ledger.Claim) {
	c.wins(e, claim, "won")
	c.promise(c.of(claim))
}

// wins traces that a buyer was told.
func (c *checks) wins(e *edge, claim ledger.Claim, how string) {
	c.w.trace(won, uint64(claim.Serial)<<32|uint64(claim.Count), claim.Fence, claim.Nonce, uint64(claim.Expiry))
	if c.w.telling {
		c.w.tell("%s: %s %v", e.name, how, claim)
	}
}

func (c *checks) promise(p *promise) {
	now := c.ledgerNow()
	for s := p.Serial; s < p.Serial+p.Count && p.live(now, c.hold); s++ { // the reply may be late
		if old := c.owner[s]; old != nil {
			c.alone(s, old, p, now)
			old.beaten = true
			if old.Fence == p.Fence || old.Fence > p.Fence && c.w.primary.knows(old) { // fences grow within a history
				c.w.fail("serial %d is sold under fence %d, after %d", s, p.Fence, old.Fence)
			}
		}
		c.owner[s] = p
	}
	c.order = append(c.order, p)
	c.w.Sold += uint64(p.Count)
	c.w.giveToken(p)
}

// alone checks that one of two winners is over.
func (c *checks) alone(s uint32, old, p *promise, now int64) {
	if old.live(now, c.hold) {
		c.w.fail("serial %d has two winners at ledger time %d: %s's %v, paid %v, and %s's %v", s, now, old.edge.name, brief(old.Claim),
			old.paid != nil, p.edge.name, brief(p.Claim))
	}
}

// binds notes the true time at which the ledger's present answer is over, if it is ever over.
func (c *checks) binds(p *promise) {
	if p.ends = 0; c.hold > 0 {
		p.ends = c.soon(c.hold)
	}
}

func (c *checks) deducted(e *edge, r ledger.DeductReply, a answer) {
	c.wins(e, r.Claim, "deducted")
	c.bought(&promise{Claim: r.Claim, birth: e.birth, edge: e}, a)
}

// bought checks a promise that the ledger itself has made.
func (c *checks) bought(p *promise, a answer) {
	c.known[idOf(p.Claim)] = p
	c.binds(p)
	p.answered, p.kept, p.keptFor = true, a.entry, a.lasts()
	c.promise(p)
	c.keeps(p, a)
}

// keeps notes that the ledger has answered for a promise.
func (c *checks) keeps(p *promise, a answer) {
	if p.kept == nil {
		p.kept, p.keptFor = a.entry, a.lasts()
	}
	if !c.w.primary.has(a.entry) {
		c.forgotten(p)
	}
}

// confirmed notes that a holder was told that its units are confirmed. From then on nobody else may own them.
func (c *checks) confirmed(p *promise, a answer) {
	for s := p.Serial; s < p.Serial+p.Count; s++ {
		if other := c.owner[s]; other != nil && other != p && other.live(c.ledgerNow(), c.hold) {
			c.w.fail("serial %d is confirmed as %s's %v, and is %s's %v", s, p.edge.name, brief(p.Claim), other.edge.name,
				brief(other.Claim))
		}
		c.owner[s] = p
	}
	p.paid, p.paidFor = a.entry, a.lasts()
	c.keeps(p, a)
}

// hears checks an answer for an edge, and notes it for the edge whose leases it is about. No call of theirs may be refused.
func (c *checks) hears(e, of *edge, call any, a answer) {
	switch {
	case a.err == nil:
		a.entry.heard = a.entry.heard || e == of
		c.answered(of, call, a)
	case !errors.Is(a.err, ledger.ErrDown) && !errors.Is(a.err, ledger.ErrReassert):
		c.w.fail("%s: %v is refused: %v", e.name, brief(call), a.err)
	}
}

// answered notes what an edge hears of its leases.
func (c *checks) answered(e *edge, call any, a answer) {
	switch r := a.reply.(type) {
	case ledger.LeaseReply:
		if r.Grant.Fence != 0 {
			e.deadline[r.Grant.Fence], e.granted[r.Grant.Fence] = r.Grant.Deadline, a.entry
			e.newest = max(e.newest, r.Grant.Fence)
		}
	case ledger.RenewReply:
		for i, f := range call.(ledger.RenewRequest).Fences {
			e.deadline[f] = max(e.deadline[f], r.Deadlines[i])
		}
	case ledger.ReassertReply:
		for _, g := range r.Grants {
			e.deadline[g.Fence] = max(e.deadline[g.Fence], g.Deadline)
			e.granted[g.Fence] = a.entry
		}
	case ledger.SettleReply:
		c.settled(call.(ledger.SettleRequest), r, a)
	}
}

// settled notes the ledger's answer on claims. From now on their slots may be used again.
func (c *checks) settled(q ledger.SettleRequest, r ledger.SettleReply, a answer) {
	for i, claim := range q.Claims {
		p := c.of(claim)
		if p == nil {
			continue // ran has checked it
		}
		if r.Verdicts[i] == ledger.Kept && p.kept == nil && !p.over {
			p.late = p.outlasted(c.w)
			c.keeps(p, a)
		}
	}
}

// heard checks an edge that lets go of claims.
func (c *checks) heard(claims []ledger.Claim) {
	for _, claim := range claims {
		p := c.of(claim)
		if p == nil {
			continue
		}
		p.answered = true
		c.beyond(p, c.w.primary.twin.Last().Total)
		if p.kept == nil && !p.excused && p.live(c.ledgerNow(), c.hold) {
			c.w.fail("%s lets go of %v, for which the ledger has not answered", p.edge.name, brief(p.Claim))
		}
	}
}

// lostWith notes what a death takes with it: the claims that only a lost ring had. Their tokens stay good while the ledger knows
// the lease.
func (c *checks) lostWith(e *edge, left []ledger.Claim) {
	kept := map[claimID]bool{}
	for _, claim := range left {
		kept[idOf(claim)] = true
	}
	for _, p := range c.order {
		if p.edge == e && !p.answered && !kept[idOf(p.Claim)] {
			p.answered = true
			p.excused = p.excused || p.grant == nil || !c.w.primary.has(p.grant)
		}
	}
}

// history checks a server that goes on with another server's history. The history must have every durable answer.
func (c *checks) history(s *server) {
	for _, p := range c.order {
		if p.kept != nil && !s.has(p.kept) || p.paid != nil && !s.has(p.paid) {
			c.forgotten(p)
		}
		if p.answered && p.kept == nil && p.grant != nil && !s.has(p.grant) || uint64(p.Serial+p.Count) > s.twin.Last().Total+1 {
			p.excused = true
		}
	}
	c.owns()
}

// forgotten notes that the history with the ledger's answer on a promise is lost.
func (c *checks) forgotten(p *promise) {
	now := c.ledgerNow()
	if p.paid != nil && !c.w.primary.has(p.paid) {
		if p.paidFor {
			c.w.fail("%v was confirmed, durably, and its history is lost", brief(p.Claim))
		}
		p.paid = nil
	}
	if p.kept != nil && !c.w.primary.has(p.kept) {
		if p.keptFor && p.live(now, c.hold) {
			c.w.fail("%v was settled, durably, and its history is lost", brief(p.Claim))
		}
		p.kept, p.excused = nil, true
	}
}

// owns checks that the ledger has everything that it has answered for.
func (c *checks) owns() {
	now := c.ledgerNow()
	for _, p := range c.order {
		if !p.owed(now, c.hold) {
			continue
		}
		for s := p.Serial; s < p.Serial+p.Count; s++ {
			o, paid, owned := c.w.primary.twin.Owner(s)
			if !owned || idOf(o) != idOf(p.Claim) || p.paid != nil && !paid {
				c.w.fail("%s's %v was answered for, paid %v, and the ledger has %v, paid %v", p.edge.name, brief(p.Claim), p.paid != nil,
					brief(o), paid)
			}
		}
	}
}

// tracedReasons are the numbers of the reasons in traces. A number stays when the order of the reasons changes. 0: no verdict.
var tracedReasons = [allotment.Reasons]uint64{allotment.SoldOut: 1, allotment.NoneNow: 2, allotment.Paused: 3,
	allotment.Unopened: 4, allotment.Closed: 5, allotment.Undecided: 6, allotment.Refused: 7, allotment.Gone: 8,
	allotment.Drawing: 9, allotment.Lots: 10}

// verdict checks that an edge says "sold out" for good only when it is so. News of units that came back may take a poll to
// arrive.
func (c *checks) verdict(e *edge, v *allotment.Verdict) {
	if v == nil {
		c.w.trace(verdict, e.host.id, uint64(e.host.runs), 0, 0)
		c.w.tell("%s: units may be had", e.name)
		return
	}
	c.w.trace(verdict, e.host.id, uint64(e.host.runs), tracedReasons[v.Reason], 0)
	if c.w.telling {
		c.w.tell("%s: verdict %+v", e.name, *v)
	}
	h := c.w.primary.twin.Last()
	news := c.w.now-max(c.w.fresh, e.resumed) < int64(pollDone+2*timeout)
	if v.Reason == allotment.SoldOut && !h.Final() && !news {
		c.w.fail("%s says sold out: %v", e.name, brief(h))
	}
}

// pollDone is how often an edge looks at a sale that is over.
const pollDone = time.Second

// everybodyKnows checks that every edge says "sold out", a while after the last unit.
func (c *checks) everybodyKnows() {
	for _, e := range c.w.edges {
		if e.gone || e.ending {
			continue
		}
		v := e.a.Verdict()
		// With few buyers at each of many edges, an edge looks only at its next buyer.
		unaware := v == nil && e.a.IsEmpty() && c.w.fates.crowded()
		if !unaware && (v == nil || v.Reason != allotment.SoldOut) {
			c.w.fail("everything is sold, and %s says %+v", e.name, v)
		}
		if n := e.a.Claims(); n > 1 {
			c.w.fail("%s still keeps %d slots", e.name, n)
		}
	}
}

// end is the last check of a world.
func (c *checks) end() {
	c.audit()
	c.owns()
	c.soldHaveOwners()
	c.w.calls.bounded(c.w)
	c.offered()
	lost := uint64(0)
	for _, e := range c.w.edges {
		lost += e.a.Lost()
	}
	for _, p := range c.order {
		switch {
		case p.answered:
		case p.edge.stopped, !p.edge.gone && !c.w.noBuyers:
			c.w.fail("%s never settled %v", p.edge.name, brief(p.Claim))
		}
	}
	c.w.tell("%d told, %d dead on arrival at the ledger, %d steps, %v", c.w.Sold, lost, c.w.Steps, time.Duration(c.w.now-start))
}
