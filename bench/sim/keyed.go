package sim

import (
	"encoding/binary"
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// keyed is a buy that edge/buy has the ledger decide, mostly under an idempotency key. If the ledger has no free unit, an edge
// offers one of its own. A buyer who hears nothing asks again, at any edge.
type keyed struct {
	w       *world
	buyer   ledger.Buyer
	key     ledger.IdempotencyKey // zero: none
	n       uint32
	tries   int
	told    ledger.DeductReply // the first answer that a repeat must hear, too; Unavailable: none yet
	lasts   func() bool        // that answer survives its server
	misused bool               // the key is another buy's, of another n
}

// keyedBuyer adds one such buyer.
func (w *world) keyedBuyer() {
	w.nonces++
	b := &keyed{w: w, n: 1 + uint32(w.rng.IntN(int(w.fates.most))), key: w.newKey(), tries: 8}
	b.ask()
}

// newKey is the key of the newest nonce.
func (w *world) newKey() (key ledger.IdempotencyKey) {
	binary.BigEndian.PutUint64(key[:], w.nonces)
	key[15] = 1
	return key
}

// ask tries once at any edge, and comes again.
func (b *keyed) ask() {
	if b.tries > 0 && !b.w.noBuyers {
		b.askAt(b.w.someHost().edge)
	}
}

func (b *keyed) askAt(e *edge) {
	b.tries--
	if e.serves() {
		b.deduct(e, ledger.Claim{})
	}
	b.w.after(time.Second+b.w.upTo(3*time.Second), b.ask)
}

func (b *keyed) named() bool { return b.key != ledger.IdempotencyKey{} }

func (b *keyed) deduct(e *edge, offered ledger.Claim) {
	w := b.w
	q := ledger.DeductRequest{Party: ledger.Party{Birth: e.birth}, N: b.n, Nonce: w.nonce(), Buyer: b.buyer, Key: b.key,
		Offer: offered}
	e.ask(q, func(r ledger.DeductReply, a answer) {
		if offered.Count > 0 {
			e.a.Heard(offered, allotment.Came(r))
			e.listen()
		}
		switch {
		case r.Answer == ledger.KeyUsed && b.misused:
		case r.Answer != ledger.Unavailable:
			w.check.keyTold(e, b, r, a)
		case w.fates.together.limit > 0:
			if r.Final() {
				b.tries = min(b.tries, 1)
			}
			e.a.ReportUnmet(b.n)
			e.listen()
		case offered.Count == 0 && b.named() && e.a.Verdict() == nil:
			b.offer(e)
		}
	})
}

// offer takes a unit from this edge, and offers it.
func (b *keyed) offer(e *edge) {
	s, outcome := e.a.TakeOffered(b.n, ledger.Buyer{}, b.key)
	defer e.listen()
	if outcome != allotment.Won {
		return
	}
	b.w.check.decided(e, s.Claim)
	b.w.offers = append(b.w.offers, allotment.Offer{Claim: s.Claim, Key: b.key})
	b.w.tell("%s offers %v to key %x", e.name, s.Claim, b.key[:8])
	if !b.w.healed && b.w.chance(0.1) { // faults come at the worst moment
		e.host.kill()
		b.w.after(b.w.oneOf(500*time.Millisecond, 2*time.Second), func() { b.w.replace(e.host) })
		return
	}
	b.deduct(e, s.Claim)
}

// keyTold checks that a key has one answer, whichever edge tells it.
func (c *checks) keyTold(e *edge, b *keyed, r ledger.DeductReply, a answer) {
	if b.named() && b.told.Answer != ledger.Unavailable {
		stays := c.w.Histories == 0 || b.lasts() && a.lasts()
		if stays && !sameAnswer(r, b.told) {
			c.w.fail("a key was told %v, and is told %v", brief(b.told), brief(r))
		}
		return
	}
	if b.told, b.lasts = r, a.lasts; r.Answer != ledger.Granted {
		return
	}
	p := c.of(r.Claim)
	if p == nil {
		p = &promise{Claim: r.Claim, birth: e.birth, edge: e}
	}
	c.bought(p, a)
}

// sameAnswer says whether two answers are one.
func sameAnswer(a, b ledger.DeductReply) bool {
	return a.Answer == b.Answer && idOf(a.Claim) == idOf(b.Claim) && a.Claim.Count == b.Claim.Count
}

// offered checks in the end that an offered and sold unit is its key's. After lost history it may be a token's.
func (c *checks) offered() {
	if c.w.Histories > 0 {
		return
	}
	for _, o := range c.w.offers {
		owner, _, owned := c.w.primary.twin.Owner(o.Serial)
		if !owned || idOf(owner) != idOf(o.Claim) {
			continue
		}
		q := ledger.DeductRequest{N: o.Count, Nonce: 1, Key: o.Key}
		r, err := c.w.primary.twin.Deduct(c.w.primary.raw(), q)
		if err != nil || r.Answer != ledger.Granted || idOf(r.Claim) != idOf(o.Claim) {
			c.w.fail("%v was offered to a key, and is nobody's: the key has %v, %v", brief(o.Claim), brief(r.Claim), err)
		}
	}
}
