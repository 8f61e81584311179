package sim

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// checks compares the edges and the ledger with the facts of the simulation.
type checks struct {
	*world
	owner   map[uint32]*promise // the newest winner of each serial that was told
	known   map[claimID]*promise
	order   []*promise // in the order of being told
	drawn   bool       // lots have been drawn
	latest  int64      // the latest ledger time so far
	scripts int
}

// scriptNow is the ledger time that a script would find now.
func (c *checks) scriptNow() int64 {
	h := c.primary.twin.Last()
	return h.Now + min(max(c.primary.raw()-h.Raw, 0), c.bounds.Step.Microseconds())
}

// ledgerNow is the latest ledger time so far. A hold that was over in a lost history is over.
func (c *checks) ledgerNow() int64 {
	c.latest = max(c.latest, c.scriptNow())
	return c.latest
}

// decided checks a Take that has read the clock: it is not after its lease's end, and promises no more than the lease allows.
func (c *checks) decided(e *edge, claim ledger.Claim) {
	c.stillSells(e, claim)
	deadline, now := max(e.deadline[claim.Fence], c.primary.twin.Deadline(claim.Fence)), c.scriptNow()
	if claim.Expiry > deadline+c.fates.binds().Microseconds() {
		c.fail("%s promises serial %d until %d, its lease is over at %d", e.name, claim.Serial, claim.Expiry, deadline)
	}
	granted := e.granted[claim.Fence] // a server that is no longer the primary granted it, and has its own ledger time
	if now >= deadline && !e.fooled && (granted == nil || c.primary.has(granted)) {
		c.fail("%s promises serial %d at %d, its lease is over at %d", e.name, claim.Serial, now, deadline)
	}
	c.known[idOf(claim)] = &promise{Claim: claim, birth: e.birth, edge: e, grant: e.granted[claim.Fence],
		ends: c.soon(c.fates.binds().Microseconds())}
}

// stillSells checks a promise. It must not be made after the operator has heard that no edge sells, nor after the close.
func (c *checks) stillSells(e *edge, claim ledger.Claim) {
	if e.fooled {
		return
	}
	if c.silent != nil {
		c.fail("%s promises serial %d after the operator has heard that no edge sells", e.name, claim.Serial)
	}
	calm := c.now-c.moved > int64(c.fates.term+2*timeout) // edges have heard the clock since its jump
	if at := c.closesAt(); at > 0 && calm && c.primary.raw() >= at {
		c.fail("%s promises serial %d %d us after the sale has closed", e.name, claim.Serial, c.primary.raw()-at)
	}
}

// soon is so many microseconds from now, in true time, by a clock that drifts.
func (c *checks) soon(us int64) int64 { return c.now + us*1000*101/100 }

// told checks a reply. A serial must have at most one live winner, and a fence must give a serial to one winner only.
func (c *checks) told(e *edge, claim ledger.Claim) {
	c.wins(e, claim, "won")
	c.promise(c.of(claim))
}

// wins traces that a buyer was told.
func (c *checks) wins(e *edge, claim ledger.Claim, how string) {
	c.trace(won, uint64(claim.Serial)<<32|uint64(claim.Count), claim.Fence, claim.Nonce, uint64(claim.Expiry))
	c.tell("%s: %s %v", e.name, how, claim)
}

func (c *checks) promise(p *promise) {
	now := c.ledgerNow()
	for s := p.Serial; s < p.Serial+p.Count && p.live(now); s++ { // the reply may be late
		if old := c.owner[s]; old != nil {
			if old.live(now) {
				c.fail("serial %d has two winners at ledger time %d: %s's %v, paid %v, and %s's %v", s, now, old.edge.name, old.Claim,
					old.isPaid(), p.edge.name, p.Claim)
			}
			old.beaten = true
			here := c.primary.has(old.grant) || c.primary.has(old.kept.entry)
			if old.Fence == p.Fence || old.Fence > p.Fence && here { // fences grow within a history
				c.fail("serial %d is sold under fence %d, after %d", s, p.Fence, old.Fence)
			}
		}
		c.owner[s] = p
	}
	c.order = append(c.order, p)
	c.Sold += uint64(p.Count)
	c.giveToken(p)
}

// bought checks a promise that the ledger itself has made.
func (c *checks) bought(e *edge, claim ledger.Claim, a answer) {
	p := cmp.Or(c.of(claim), &promise{Claim: claim, birth: e.birth, edge: e})
	c.known[idOf(claim)] = p
	if p.ends = 0; c.fates.hold > 0 { // else the answer is never over
		p.ends = c.soon(c.fates.hold.Microseconds())
	}
	p.answered, p.kept = true, a
	c.promise(p)
	c.keeps(p, a)
}

// keeps notes that the ledger has answered for a promise.
func (c *checks) keeps(p *promise, a answer) {
	if p.kept.entry == nil {
		p.kept = a
	}
	if !c.primary.has(a.entry) {
		c.forgotten(p)
	}
}

// confirmed notes that a holder was told that its units are confirmed. From then on nobody else may own them.
func (c *checks) confirmed(p *promise, a answer) {
	for s := p.Serial; s < p.Serial+p.Count; s++ {
		if other := c.owner[s]; other != nil && other != p && other.live(c.ledgerNow()) {
			c.fail("serial %d is confirmed as %s's %v, and is %s's %v", s, p.edge.name, p.Claim, other.edge.name, other.Claim)
		}
		c.owner[s] = p
	}
	p.paid = a
	c.keeps(p, a)
}

// hears checks an answer for an edge, and notes it for the edge whose leases it is about. No call of theirs may be refused.
func (c *checks) hears(e, of *edge, call any, a answer) {
	if a.err != nil {
		if !errors.Is(a.err, ledger.ErrDown) && !errors.Is(a.err, ledger.ErrReassert) {
			c.fail("%s: %v is refused: %v", e.name, call, a.err)
		}
		return
	}
	a.entry.heard = a.entry.heard || e == of
	switch r := a.reply.(type) {
	case ledger.LeaseReply:
		if r.Grant.Fence != 0 {
			of.deadline[r.Grant.Fence], of.granted[r.Grant.Fence] = r.Grant.Deadline, a.entry
			of.newest = max(of.newest, r.Grant.Fence)
		}
	case ledger.RenewReply:
		for i, f := range call.(ledger.RenewRequest).Fences {
			of.deadline[f] = max(of.deadline[f], r.Deadlines[i])
		}
	case ledger.ReassertReply:
		for _, g := range r.Grants {
			of.deadline[g.Fence], of.granted[g.Fence] = max(of.deadline[g.Fence], g.Deadline), a.entry
		}
	case ledger.SettleReply: // from now on the slots of its claims may be used again
		for i, claim := range call.(ledger.SettleRequest).Claims {
			p := c.of(claim) // ran has checked it
			if p != nil && r.Verdicts[i] == ledger.Kept && p.kept.entry == nil && !p.over {
				p.late = p.outlasted()
				c.keeps(p, a)
			}
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
		c.beyond(p, c.primary.twin.Last().Total)
		if p.kept.entry == nil && !p.excused && p.live(c.ledgerNow()) {
			c.fail("%s lets go of %v, for which the ledger has not answered", p.edge.name, p.Claim)
		}
	}
}

// lostWith notes the claims that only a lost ring had. Their tokens stay good while the ledger knows the lease.
func (c *checks) lostWith(e *edge, left []ledger.Claim) {
	for _, p := range c.order {
		if p.edge == e && !p.answered && !slices.ContainsFunc(left, p.is) {
			p.answered = true
			p.excused = p.excused || !c.primary.has(p.grant)
		}
	}
}

// history checks a server that goes on with another server's history. The history must have every durable answer.
func (c *checks) history(s *server) {
	for _, p := range c.order {
		if s.lost(p.kept.entry) || s.lost(p.paid.entry) {
			c.forgotten(p)
		}
		if p.answered && p.kept.entry == nil && s.lost(p.grant) || uint64(p.Serial+p.Count) > s.twin.Last().Total+1 {
			p.excused = true
		}
	}
	c.owns()
}

// forgotten notes that the history with the ledger's answer on a promise is lost.
func (c *checks) forgotten(p *promise) {
	now := c.ledgerNow()
	if c.primary.lost(p.paid.entry) {
		if p.paid.lasts() {
			c.fail("%v was confirmed, durably, and its history is lost", p.Claim)
		}
		p.paid = answer{}
	}
	if c.primary.lost(p.kept.entry) {
		if p.kept.lasts() && p.live(now) {
			c.fail("%v was settled, durably, and its history is lost", p.Claim)
		}
		p.kept, p.excused = answer{}, true
	}
}

// owns checks that the ledger has everything that it has answered for, durably or in a history that still stands.
func (c *checks) owns() {
	now := c.ledgerNow()
	for _, p := range c.order {
		if p.kept.entry == nil || !p.live(now) {
			continue
		}
		for s := p.Serial; s < p.Serial+p.Count; s++ {
			o, paid, owned := c.primary.twin.Owner(s)
			if !owned || !p.is(o) || p.isPaid() && !paid {
				c.fail("%s's %v was answered for, paid %v, and the ledger has %v, paid %v", p.edge.name, p.Claim, p.isPaid(), o, paid)
			}
		}
	}
}

// tracedReasons are the numbers of the reasons in traces. A number stays when the order of the reasons changes. 0: no verdict.
var tracedReasons = [allotment.Reasons]uint64{allotment.SoldOut: 1, allotment.NoneNow: 2, allotment.Paused: 3,
	allotment.Unopened: 4, allotment.Closed: 5, allotment.Undecided: 6, allotment.Refused: 7, allotment.Gone: 8,
	allotment.Drawing: 9, allotment.Lots: 10}

// verdict checks that an edge says "sold out" for good only when it is so. News of units may take a poll to arrive.
func (c *checks) verdict(e *edge, v *allotment.Verdict) {
	if v == nil {
		c.trace(verdict, e.host.id, uint64(e.host.runs), 0, 0)
		c.tell("%s: units may be had", e.name)
		return
	}
	c.trace(verdict, e.host.id, uint64(e.host.runs), tracedReasons[v.Reason], 0)
	c.tell("%s: verdict %+v", e.name, *v)
	h := c.primary.twin.Last()
	news := c.now-max(c.fresh, e.resumed) < int64(time.Second+2*timeout) // an edge looks each second at a sale that is over
	if v.Reason == allotment.SoldOut && !h.Final() && !news {
		c.fail("%s says sold out: %v", e.name, h)
	}
}

// everybodyKnows checks that every edge says "sold out", a while after the last unit.
func (c *checks) everybodyKnows() {
	for _, e := range c.edges {
		if e.gone || e.ending {
			continue
		}
		v := e.a.Verdict()
		// With few buyers at each of many edges, an edge looks only at its next buyer.
		unaware := v == nil && e.a.IsEmpty() && c.fates.crowded()
		if !unaware && (v == nil || v.Reason != allotment.SoldOut) {
			c.fail("everything is sold, and %s says %+v", e.name, v)
		}
		if n := e.a.Claims(); n > 1 {
			c.fail("%s still keeps %d slots", e.name, n)
		}
	}
}

// end is the last check of a world.
func (c *checks) end() {
	c.audit()
	c.soldHaveOwners()
	c.bounded()
	c.offered()
	lost := uint64(0)
	for _, e := range c.edges {
		lost += e.a.Lost()
	}
	for _, p := range c.order {
		if !p.answered && (p.edge.stopped || !p.edge.gone && !c.noBuyers) {
			c.fail("%s never settled %v", p.edge.name, p.Claim)
		}
	}
	c.tell("%d told, %d dead on arrival at the ledger, %d steps, %v", c.Sold, lost, c.Steps, time.Duration(c.now-start))
}

// soldHaveOwners checks that every sold unit has an owner who was told, or is of a Deduct without an answer.
func (c *checks) soldHaveOwners() {
	if c.fates.keys { // a keyed offer's buyer may hear of it much later
		return
	}
	t := c.primary.twin
	told := map[claimID]bool{}
	for _, p := range c.order {
		told[idOf(p.Claim)] = true
	}
	for s := uint32(1); uint64(s) <= t.Last().Total; s++ {
		o, _, owned := t.Owner(s)
		if owned && o.Nonce < deducted && !told[idOf(o)] {
			c.fail("serial %d is sold under %d, and nobody was told", s, o.Fence)
		}
	}
}

// promise is the answer that a buyer was told, and its fate.
type promise struct {
	ledger.Claim
	birth    uint64
	edge     *edge
	grant    *entry // of its lease; nil for a Deduct
	answered bool   // by the ledger: its slot may be used again
	kept     answer // that said that the ledger has it
	paid     answer // that it is confirmed
	over     bool   // cancelled
	beaten   bool   // it was over, and another buyer was told of one of its units
	late     bool   // it was over by true time when the ledger took it: history was lost, and ledger time with it
	excused  bool   // a named loss window covers it
	longer   *entry // the script that prolonged its hold
	until    int64  // ledger time until which it did
	ends     int64  // when its hold is over by true time, at the latest
}

// is says whether a claim is this promise's.
func (p *promise) is(c ledger.Claim) bool { return idOf(c) == idOf(p.Claim) }

// isPaid says whether its holder was told that it is confirmed.
func (p *promise) isPaid() bool { return p.paid.entry != nil }

type claimID struct{ fence, nonce uint64 }

func idOf(c ledger.Claim) claimID { return claimID{c.Fence, c.Nonce} }

// of returns the promise of a claim.
func (c *checks) of(claim ledger.Claim) *promise { return c.known[idOf(claim)] }

// live says whether a promise binds at this ledger time.
func (p *promise) live(now int64) bool {
	w, ends := p.edge.world, p.Expiry
	if w.primary.has(p.longer) {
		ends = max(ends, p.until)
	}
	return p.isPaid() || !p.over && (now < ends || w.fates.hold == 0 && p.kept.entry != nil) && !p.outlasted()
}

// outlasted says whether a promise that the ledger has not kept is over by true time: ledger time went back with lost history.
func (p *promise) outlasted() bool {
	w := p.edge.world
	return !p.isPaid() && p.ends > 0 && w.now >= p.ends && w.Histories > 0 && (p.late || !w.primary.has(p.kept.entry))
}
