package sim

import (
	"encoding/binary"
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// keyed is a buyer with an idempotency key, as edge's settle.go serves one: it asks the ledger, and where that has nothing
// free, an edge offers a unit of its own. Who hears nothing asks again, at any edge.
type keyed struct {
	w     *world
	key   ledger.IdempotencyKey
	n     uint32
	tries int
	told  ledger.Claim // Count 0: nothing yet
}

// keyedBuyer is one more.
func (w *world) keyedBuyer() {
	w.nonces++
	b := &keyed{w: w, n: 1 + uint32(w.rng.IntN(int(w.fates.most))), tries: 8}
	binary.BigEndian.PutUint64(b.key[:], w.nonces)
	b.key[15] = 1
	b.ask()
}

// ask tries once, and comes again.
func (b *keyed) ask() {
	if b.tries--; b.tries < 0 || b.w.shut {
		return
	}
	if e := b.w.someHost().edge; !e.gone && e.asleep == 0 && !e.ending {
		b.deduct(e, ledger.Claim{})
	}
	b.w.after(time.Second+b.w.upTo(3*time.Second), b.ask)
}

func (b *keyed) deduct(e *edge, offered ledger.Claim) {
	w := b.w
	w.nonces++
	q := ledger.DeductRequest{Party: ledger.Party{Birth: e.birth}, N: b.n, Nonce: 1<<50 + w.nonces, Key: b.key,
		Offer: offered, Latest: e.host.route.raw() + timeout.Microseconds()}
	w.call(e.host, q, func(a answer) {
		e.whenAwake(func() {
			if a.err != nil {
				return
			}
			reply := a.reply.(ledger.DeductReply)
			if offered.Count > 0 {
				e.a.Heard(offered, allotment.Came(reply))
				e.listen()
			}
			switch {
			case reply.Answer == ledger.Granted:
				w.check.keyTold(e, b, reply, a)
			case offered.Count == 0 && e.a.Verdict() == nil:
				b.offer(e)
			}
		})
	})
}

// offer takes a unit here, and offers it.
func (b *keyed) offer(e *edge) {
	s, outcome := e.a.TakeOffered(b.n, ledger.Buyer{}, b.key)
	defer e.listen()
	if outcome != allotment.Won {
		return
	}
	b.w.check.decided(e, s.Claim)
	b.w.offers = append(b.w.offers, allotment.Offer{Claim: s.Claim, Key: b.key})
	b.w.tell("%s offers %v to key %x", e.name, s.Claim, b.key[:8])
	if !b.w.healed && b.w.chance(0.1) { // accidents like a bad moment
		e.host.kill()
		b.w.after(b.w.oneOf(500*time.Millisecond, 2*time.Second), func() { b.w.replace(e.host) })
		return
	}
	b.deduct(e, s.Claim)
}

// keyTold: a key has one answer, whoever tells it.
func (c *checks) keyTold(e *edge, b *keyed, r ledger.DeductReply, a answer) {
	if b.told.Count > 0 {
		if c.w.histories == 0 && (r.Claim.Fence != b.told.Fence || r.Claim.Nonce != b.told.Nonce) {
			c.w.fail("a key was told %v, and is told %v", brief(b.told), brief(r.Claim))
		}
		return
	}
	b.told = r.Claim
	p := c.known[claimID{r.Claim.Fence, r.Claim.Nonce}]
	if p == nil {
		p = &promise{Claim: r.Claim, birth: e.birth, edge: e}
		c.known[claimID{r.Claim.Fence, r.Claim.Nonce}] = p
	}
	e.w.check.binds(p)
	p.answered, p.kept, p.keptFor = true, a.entry, a.lasts()
	c.promise(p)
	if !c.w.primary.has(a.entry) {
		c.forgotten(p)
	}
}

// offered: in the end a unit that was offered and is sold is its key's. Where history was lost it may be a token's.
func (c *checks) offered() {
	if c.w.histories > 0 {
		return
	}
	for _, o := range c.w.offers {
		owner, _, owned := c.w.primary.twin.Owner(o.Serial)
		if !owned || owner.Fence != o.Fence || owner.Nonce != o.Nonce {
			continue
		}
		q := ledger.DeductRequest{N: o.Count, Nonce: 1, Key: o.Key}
		r, err := c.w.primary.twin.Deduct(c.w.primary.raw(), q)
		if err != nil || r.Answer != ledger.Granted || r.Claim.Fence != o.Fence || r.Claim.Nonce != o.Nonce {
			c.w.fail("%v was offered to a key, and is nobody's: the key has %v, %v", brief(o.Claim), brief(r.Claim), err)
		}
	}
}
