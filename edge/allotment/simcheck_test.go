package allotment

import (
	"context"
	"time"

	"spike/luascripts"
)

// promise is what a buyer was told.
type promise struct {
	luascripts.Claim
	edge     *simEdge
	kept     bool
	answered bool
}

type claimID struct {
	edge  string
	nonce uint64
}

// checks is everything the simulation knows better than the edges do.
type checks struct {
	w        *world
	owner    map[uint32]*promise // the newest told winner of each serial
	told     map[claimID]*promise
	order    []*promise
	deadline map[uint64]int64 // of each lease, as granted and renewed
	kept     int              // units
	calls    int
}

func newChecks(w *world) checks {
	return checks{w: w, owner: map[uint32]*promise{}, told: map[claimID]*promise{}, deadline: map[uint64]int64{}}
}

// live says whether a promise still binds at this ledger time.
func (c *checks) live(p *promise, now int64) bool {
	return now < p.Expiry || p.kept && c.w.fates.hold == 0
}

// look is the sale as the ledger has it now; looking changes nothing.
func (c *checks) look() luascripts.Head {
	shown, err := c.w.ledger.Show(context.Background(), benchSale)
	if err != nil {
		panic(err)
	}
	return shown.Head
}

func (c *checks) audit() luascripts.Audit {
	a, err := c.w.ledger.Audit(context.Background(), benchSale)
	if err != nil {
		panic(err)
	}
	if !a.OK {
		c.w.fail("audit: %v", a.Violations)
	}
	return a
}

// won is a buyer being told: at most one live winner of a serial, and never longer than the lease allows.
func (c *checks) won(e *simEdge, claim luascripts.Claim) {
	c.w.tell("%s: won %v", e.name, claim)
	p := &promise{Claim: claim, edge: e}
	c.promise(p)
	c.told[claimID{e.name, claim.Nonce}] = p
	hold := c.w.fates.hold
	if hold == 0 {
		hold = c.w.fates.cover
	}
	deadline := c.deadline[claim.Fence]
	if claim.Expiry > deadline+hold.Microseconds() {
		c.w.fail("%s promises serial %d until %d, its lease is over at %d", e.name, claim.Serial, claim.Expiry, deadline)
	}
	if now := c.look().Now; now >= deadline && !e.fooled {
		c.w.fail("%s promises serial %d at %d, its lease is over at %d", e.name, claim.Serial, now, deadline)
	}
}

func (c *checks) promise(p *promise) {
	now := c.look().Now
	for s := p.Serial; s < p.Serial+p.Count; s++ {
		if old := c.owner[s]; old != nil && c.live(old, now) {
			c.w.fail("serial %d has two winners at ledger time %d: %s %+v, kept %v, and %s %+v", s, now, old.edge.name,
				old.Claim, old.kept, p.edge.name, p.Claim)
		}
		c.owner[s] = p
	}
	c.order = append(c.order, p)
}

func (c *checks) deducted(e *simEdge, claim luascripts.Claim) {
	c.w.tell("%s: deducted %v", e.name, claim)
	p := &promise{Claim: claim, edge: e, kept: true, answered: true}
	c.promise(p)
	c.kept += int(claim.Count)
}

// execute is the ledger's side of a call.
func (c *checks) execute(e *simEdge, call any) (any, error) {
	reply, err := execute(c.w.ledger, call)
	c.w.tell("%s: %v -> %v", e.name, call, reply)
	if err != nil {
		c.w.fail("%s is refused: %v", e.name, err)
	}
	switch r := reply.(type) {
	case luascripts.LeaseReply:
		if r.Grant.Fence != 0 {
			c.deadline[r.Grant.Fence] = r.Grant.Deadline
		}
	case luascripts.RenewReply:
		for i, f := range call.(luascripts.RenewRequest).Fences {
			c.deadline[f] = max(c.deadline[f], r.Deadlines[i])
		}
	case luascripts.SettleReply:
		c.settled(e, call.(luascripts.SettleRequest), r)
	}
	if c.calls++; c.calls%24 == 0 {
		c.audit()
	}
	return reply, err
}

// settled: a claim the ledger hears of in time is kept, whatever happened in between.
func (c *checks) settled(e *simEdge, q luascripts.SettleRequest, r luascripts.SettleReply) {
	for i, claim := range q.Claims {
		p := c.told[claimID{e.name, claim.Nonce}]
		switch {
		case p == nil || p.Claim != claim:
			c.w.fail("%s settles %+v, and told %+v", e.name, claim, p)
		case r.Verdicts[i] == luascripts.Kept:
			if !p.kept {
				c.kept += int(p.Count)
			}
			p.kept = true
		case r.Now < claim.Expiry:
			c.w.fail("%s told a buyer of %+v, and in time, at %d, the ledger says %v", e.name, claim, r.Now, r.Verdicts[i])
		}
		p.answered = true
	}
}

// settleFor brings a dead edge's claims to the ledger, from its ring or its buyers.
func (c *checks) settleFor(e *simEdge) {
	q := luascripts.SettleRequest{Party: luascripts.Party{Instance: "heir of " + e.name, Node: e.name}, Batch: 1}
	for _, p := range c.order {
		if p.edge == e && !p.answered {
			q.Claims = append(q.Claims, p.Claim)
		}
	}
	if len(q.Claims) > 0 {
		_, _ = c.execute(e, q)
	}
}

// sane looks at what a Keeper holds: units on sale are covered by leases that are not over.
func (c *checks) sane(e *simEdge) {
	covered := uint64(0)
	for _, h := range e.k.leases {
		if h.parked.Len() > h.rest.Len() {
			c.w.fail("%s has parked %v of %d units under %d", e.name, h.parked, h.rest.Len(), h.fence)
		}
		if !h.lapsed {
			covered += h.rest.Len()
		}
	}
	if n := e.a.Stock(); n > covered {
		c.w.fail("%s has %d units on sale, and leases for %d", e.name, n, covered)
	}
}

// verdict: "sold out" for good is said only when it is so. Units added are news that may take a poll to arrive.
func (c *checks) verdict(e *simEdge, v *Verdict) {
	if v == nil {
		c.w.tell("%s: units may be had", e.name)
		return
	}
	c.w.tell("%s: verdict %+v", e.name, *v)
	a := c.audit()
	news := c.w.now-max(c.w.added, e.resumed) < int64(pollDone+2*simTimeout)
	if v.Reason == SoldOut && a.Pending+a.Confirmed < a.Total && !news {
		c.w.fail("%s says sold out: %+v", e.name, a)
	}
}

// everybodyKnows: a while after the last unit, every edge says so.
func (c *checks) everybodyKnows() {
	for _, e := range c.w.edges {
		if e.gone || e.ending {
			continue
		}
		if v := e.a.Verdict(); v == nil || v.Reason != SoldOut {
			c.w.fail("everything is sold, and %s says %+v", e.name, v)
		}
		if n := e.a.Claims(); n > 1 {
			c.w.fail("%s still keeps %d slots", e.name, n)
		}
	}
}

// end is the final account.
func (c *checks) end() {
	a := c.audit()
	kept := uint64(0)
	for _, p := range c.order {
		if p.kept {
			kept += uint64(p.Count)
		}
		if !p.answered && !p.edge.gone && !c.w.shut {
			c.w.fail("%s never settled %+v", p.edge.name, p.Claim)
		}
		if !p.answered && p.edge.stopped {
			c.w.fail("%s has stopped, and never settled %+v", p.edge.name, p.Claim)
		}
	}
	if c.w.fates.hold == 0 && kept != a.Pending {
		c.w.fail("%d units were told and kept, the ledger has %+v", kept, a)
	}
	lost := uint64(0)
	for _, e := range c.w.edges {
		lost += e.a.Lost()
	}
	c.w.tell("%d kept, %d lost, %d steps, %v", kept, lost, c.w.steps, time.Duration(c.w.now-simStart))
}
