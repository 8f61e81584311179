package sim

import (
	"encoding/binary"
	"slices"
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// keyed is a buy that edge/buy has the ledger decide, mostly under an idempotency key. If the ledger has no free unit, an edge
// offers one of its own. A buyer who hears nothing asks again, at any edge.
type keyed struct {
	*world
	buyer   ledger.Buyer
	key     ledger.IdempotencyKey // none: it asks once
	n       uint32
	tries   int
	told    ledger.DeductReply // the first answer that a repeat must hear, too; Unavailable: none yet
	lasts   func() bool        // that answer survives its server
	misused bool               // the key is another buy's, of another n
}

// newKey is the key of a new nonce.
func (w *world) newKey() (key ledger.IdempotencyKey) {
	w.nonces++
	binary.BigEndian.PutUint64(key[:], w.nonces)
	key[15] = 1
	return key
}

// deducted is added to the nonces of Deducts, because nonces of rings are smaller.
const deducted = 1 << 50

func (w *world) nonce() uint64 {
	w.nonces++
	return deducted + w.nonces
}

// none is the key of a buy without one.
var none ledger.IdempotencyKey

// ask tries once at any edge, and comes again.
func (b *keyed) ask() {
	if b.tries > 0 && !b.noBuyers {
		b.askAt(b.someHost().edge)
	}
}

func (b *keyed) askAt(e *edge) {
	b.tries--
	if e.serves() {
		b.deduct(e, ledger.Claim{})
	}
	b.after(time.Second+b.upTo(3*time.Second), b.ask)
}

func (b *keyed) deduct(e *edge, offered ledger.Claim) {
	q := ledger.DeductRequest{Party: ledger.Party{Birth: e.birth}, N: b.n, Nonce: b.nonce(), Buyer: b.buyer, Key: b.key,
		Offer: offered}
	e.ask(q, func(r ledger.DeductReply, a answer) {
		if offered.Count > 0 {
			e.a.Heard(offered, allotment.Came(r))
			e.listen()
		}
		switch {
		case r.Answer == ledger.KeyUsed && b.misused:
		case r.Answer != ledger.Unavailable:
			b.check.keyTold(e, b, r, a)
		case b.fates.limit > 0:
			if r.Final() {
				b.tries = min(b.tries, 1)
			}
			e.a.ReportUnmet(b.n)
			e.listen()
		case offered.Count == 0 && b.key != none && e.a.Verdict() == nil:
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
	b.check.decided(e, s.Claim)
	b.offers = append(b.offers, allotment.Offer{Claim: s.Claim, Key: b.key})
	b.tell("%s offers %v to key %x", e.name, s.Claim, b.key[:8])
	if !b.healed && b.chance(0.1) { // faults come at the worst moment
		e.host.kill()
		b.after(b.oneOf(500*time.Millisecond, 2*time.Second), func() { b.replace(e.host) })
		return
	}
	b.deduct(e, s.Claim)
}

// keyTold checks that a key has one answer, whichever edge tells it.
func (c *checks) keyTold(e *edge, b *keyed, r ledger.DeductReply, a answer) {
	if b.key != none && b.told.Answer != ledger.Unavailable {
		stays := c.Histories == 0 || b.lasts() && a.lasts()
		if stays && !sameAnswer(r, b.told) {
			c.fail("a key was told %v, and is told %v", b.told, r)
		}
		return
	}
	if b.told, b.lasts = r, a.lasts; r.Answer == ledger.Granted {
		c.bought(e, r.Claim, a)
	}
}

// sameAnswer says whether two answers are one.
func sameAnswer(a, b ledger.DeductReply) bool {
	return a.Answer == b.Answer && idOf(a.Claim) == idOf(b.Claim) && a.Claim.Count == b.Claim.Count
}

// offered checks in the end that an offered and sold unit is its key's. After lost history it may be a token's.
func (c *checks) offered() {
	if c.Histories > 0 {
		return
	}
	for _, o := range c.offers {
		owner, _, owned := c.primary.twin.Owner(o.Serial)
		if !owned || idOf(owner) != idOf(o.Claim) {
			continue
		}
		q := ledger.DeductRequest{N: o.Count, Nonce: 1, Key: o.Key}
		r, err := c.primary.twin.Deduct(c.primary.raw(), q)
		if err != nil || r.Answer != ledger.Granted || idOf(r.Claim) != idOf(o.Claim) {
			c.fail("%v was offered to a key, and is nobody's: the key has %v, %v", o.Claim, r.Claim, err)
		}
	}
}

// asked is a buy that waits for its answer.
type asked struct {
	q    ledger.DeductRequest
	hear func(ledger.DeductReply, answer)
}

// ask has the ledger decide a buy, and hears the answer if there is one. A refused buy hears none. In some worlds buys go
// together, as edge/sales gathers them: in one call, in which each is decided by itself.
func (e *edge) ask(q ledger.DeductRequest, hear func(ledger.DeductReply, answer)) {
	if !e.fates.together {
		q.Latest = e.latest()
		e.call(q, func(a answer) {
			if a.err == nil {
				hear(a.reply.(ledger.DeductReply), a)
			}
		})
		return
	}
	e.asking[q.ByLot] = append(e.asking[q.ByLot], asked{q, hear})
	if len(e.asking[q.ByLot]) == 1 { // it waits for company
		e.later(e.upTo(time.Millisecond), func() { e.askTogether(q.ByLot) })
	}
}

// latest is when a call that is sent now is too late.
func (e *edge) latest() int64 { return e.host.route.raw() + timeout.Microseconds() }

// askTogether makes one call of the buys that have gathered. Sometimes the network doubles the call.
func (e *edge) askTogether(byLot bool) {
	all := e.asking[byLot]
	e.asking[byLot] = nil
	call := make([]ledger.DeductRequest, 0, len(all))
	for _, one := range all {
		call = append(call, one.q)
	}
	call[0].Latest = e.latest()
	e.call(call, func(a answer) {
		if a.err != nil {
			return
		}
		for i, d := range a.reply.([]ledger.Deducted) {
			if d.Err == nil {
				all[i].hear(d.DeductReply, a)
			}
		}
	})
	if !e.healed && e.chance(0.05) {
		e.after(e.upTo(1500*time.Millisecond), func() { e.world.call(e.host, call, func(answer) {}) })
	}
}

// company is buyers who come to one edge at the same moment. Among them are several buys of one buyer, a buy that is sent twice,
// a key that is used for another n, buys that no sale could serve, and offers.
func (w *world) company() {
	e := w.someHost().edge
	if !e.serves() || w.noBuyers {
		return
	}
	for range 1 + w.rng.IntN(4) {
		b := w.shopper(w.units())
		b.askAt(e)
		switch w.rng.IntN(6) {
		case 0:
			b.deduct(e, ledger.Claim{})
		case 1:
			w.keyedBy(b.buyer, b.n).askAt(e)
		case 2:
			other := *b
			other.n, other.tries, other.misused = b.n+1, 0, true
			other.deduct(e, ledger.Claim{})
		case 3:
			e.refused()
		case 4:
			if b.key != none { // whether the ledger has free units or not: they may have come back
				b.offer(e)
				if b.chance(0.5) && !e.gone { // the buy was sent twice
					b.offer(e)
				}
			}
		}
	}
}

// refused is a buy that is refused wherever it stands among others.
func (e *edge) refused() {
	q := ledger.DeductRequest{Party: e.party(), N: ledger.MaxUnits + 1, Nonce: e.nonce()}
	if e.fates.limit > 0 && e.chance(0.5) { // nobody is known
		q.N = 1
	}
	e.ask(q, func(r ledger.DeductReply, _ answer) {
		e.fail("%v must be refused, and is answered %v", q, r)
	})
}

// shopper is a known buyer of n units, mostly under a key.
func (w *world) shopper(n uint32) *keyed {
	w.nonces++
	var b ledger.Buyer
	binary.BigEndian.PutUint64(b[:], 1<<40+w.nonces)
	if w.fates.limit > 0 && w.chance(0.9) {
		n = min(n, w.fates.limit)
	}
	return w.keyedBy(b, n)
}

// keyedBy is one buy of a buyer. Without a key, the buyer asks once.
func (w *world) keyedBy(buyer ledger.Buyer, n uint32) *keyed {
	b := &keyed{world: w, buyer: buyer, n: n, key: w.newKey(), tries: 8}
	if w.chance(0.2) {
		b.key, b.tries = none, 1
	}
	return b
}

// entrant is a buyer in a draw: in some worlds the first units go by lot. If it hears nothing, it asks again, at any edge.
type entrant struct {
	*world
	buyer ledger.Buyer
	in    *entry // the script that entered it, as the buyer has heard
	tries int
	got   []*entry     // scripts that gave it a unit; the buyer may not have heard
	told  ledger.Claim // Count 0: nothing yet
}

// enters lets buyers enter the draw, mostly more than there are units.
func (w *world) enters() {
	f := w.fates
	if f.window == 0 {
		return
	}
	for n := range f.total * 5 / 4 {
		b := &entrant{world: w, tries: 60}
		binary.BigEndian.PutUint64(b.buyer[:], n+1)
		w.entrants = append(w.entrants, b)
		w.after(w.upTo(f.window+f.window/8), b.ask)
	}
	if f.jumps && w.chance(0.5) {
		w.after(w.upTo(f.window), w.hourAhead)
	}
}

// hourAhead moves the servers' clocks by an hour, and soon back: one jump, because no clock makes ledger time go back.
func (w *world) hourAhead() {
	if !w.mayMove() {
		return
	}
	w.tell("the store's clocks are an hour ahead")
	w.setClocks(func(skew int64) int64 { return skew + int64(time.Hour) })
	w.after(100*time.Millisecond+w.upTo(1400*time.Millisecond), func() {
		for _, s := range w.servers {
			s.skew -= int64(time.Hour)
		}
		w.tell("and right again")
	})
}

// ask enters the draw, or asks about the lot.
func (b *entrant) ask() {
	if b.tries--; b.tries < 0 || b.noBuyers {
		return
	}
	if h := b.someHost(); h.edge.serves() {
		if b.in == nil {
			q := ledger.EnterRequest{Birth: h.edge.birth, Buyers: []ledger.Buyer{b.buyer}}
			b.call(h, q, func(a answer) {
				if r, ok := a.reply.(ledger.EnterReply); ok && a.err == nil && r.Entered {
					b.in = a.entry
				}
			})
		} else if h.edge.a.View().MayHaveLot(b.buyer) {
			b.collect(h.edge)
			if b.fates.together && b.chance(0.2) { // it is sent twice
				b.collect(h.edge)
			}
		}
	}
	b.after(100*time.Millisecond+b.upTo(500*time.Millisecond), b.ask)
}

func (b *entrant) collect(e *edge) {
	q := ledger.DeductRequest{Party: e.party(), N: 1, Nonce: b.nonce(), Buyer: b.buyer, ByLot: true}
	if b.fates.together && b.buyer[7]%2 == 0 {
		copy(q.Key[:], b.buyer[:])
	}
	e.ask(q, func(r ledger.DeductReply, a answer) {
		if r.Answer != ledger.Granted {
			return
		}
		if b.told.Count == 0 {
			b.check.wins(e, r.Claim, "deducted")
			b.check.bought(e, r.Claim, a)
		} else if b.Histories == 0 && idOf(b.told) != idOf(r.Claim) {
			b.fail("a lot was told %v, and is told %v", b.told, r.Claim)
		}
		b.told = r.Claim
	})
}

// lot checks that a winner for whom a unit is kept does not hear "none".
func (c *checks) lot(s *server, e *entry, b bought) {
	switch who := c.entrants[binary.BigEndian.Uint64(b.q.Buyer[:])-1]; {
	case b.Answer == ledger.Granted:
		who.got = append(who.got, e)
	case b.State != ledger.Open, b.Lots.Kept == 0, !b.MayHaveLot(b.q.Buyer):
	case !s.has(who.in), slices.ContainsFunc(who.got, s.has):
	default:
		c.fail("buyer %x has won, and there is nothing: %v", b.q.Buyer, b.Head)
	}
}

// inTime checks that the window was as long as announced, less a step for each jump of a clock, and that every entrant is in.
func (c *checks) inTime(s *server) {
	l := s.twin.Last().Lots
	if l.Drawn == 0 || c.drawn {
		return
	}
	c.drawn = true
	if c.Histories > 0 && (c.fates.store != fsynced || c.backups > 0) { // lost history has taken ledger time back
		return
	}
	if open := time.Duration(c.now - start); open < c.fates.window-maxSkew-time.Duration(c.moves+1)*c.bounds.Step {
		c.fail("lots are drawn after %v of %v, and %d changes of clocks and servers", open, c.fates.window, c.moves)
	}
	in := uint64(0)
	for _, b := range c.entrants {
		if s.has(b.in) {
			in++
		}
	}
	if in > l.Entrants {
		c.fail("%d buyers have entered, and %d have a lot", in, l.Entrants)
	}
}
