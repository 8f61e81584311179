package memory

import (
	"fmt"
	"slices"

	"spike/luascripts/ledger"
	"spike/shard"
)

// The twin's reservations.

// leased says whether the claim's lease still has all of the claim.
func (t *Twin) leased(c ledger.Claim) bool {
	l := t.leaseOf(c)
	if l == nil || l.limbo && t.bounds.Lacks(LimboDeaf) {
		return false
	}
	return l.rem.Contains(shard.Range{Start: c.Serial, End: c.Serial + c.Count})
}

// unlease takes a claim's units out of its lease.
func (t *Twin) unlease(c ledger.Claim) bool {
	l := t.leaseOf(c)
	if l == nil || !l.rem.Cut(shard.Range{Start: c.Serial, End: c.Serial + c.Count}) {
		return false
	}
	*t.counter(l) -= uint64(c.Count)
	t.writeLease(l)
	return true
}

// write makes a claim's serials pending.
func (t *Twin) write(c ledger.Claim, number uint64) {
	o := owner{fence: c.Fence, nonce: c.Nonce, expiry: c.Expiry, event: number, buyer: c.Buyer}
	if t.head.Hold == 0 {
		o.expiry = 0
	}
	for s := c.Serial; s < c.Serial+c.Count; s++ {
		t.sold[s] = o
	}
	t.head.Pending += uint64(c.Count)
}

// own makes a claim pending. Its units must have left their lease, or the free stock.
func (t *Twin) own(c ledger.Claim) {
	g := gathering{t: t}
	g.add(c)
	g.write()
}

// gathering is claims that become pending together: one event, and groups of holds that end at about the same time. It is
// pend.lua.
type gathering struct {
	t           *Twin
	claims      []ledger.Claim
	group       string
	first, last int64
}

// add makes a claim pending. Its units must have left their lease, or the free stock.
func (g *gathering) add(c ledger.Claim) {
	g.t.write(c, g.t.numbered+1)
	g.claims = append(g.claims, c)
	for s := c.Serial; g.t.head.Limit > 0 && s < c.Serial+c.Count; s++ {
		g.t.buyers[c.Buyer] = append(g.t.buyers[c.Buyer], s)
	}
	if g.t.head.Hold > 0 {
		g.hold(c)
	}
}

// spread is how far apart the ends of a group's holds may be, in microseconds.
const spread = 100_000

func (g *gathering) hold(c ledger.Claim) {
	n := len(g.group) / 4
	if n+int(c.Count) > g.t.bounds.Group || n > 0 && (c.Expiry > g.first+spread || c.Expiry < g.first-spread) {
		g.endGroup()
	}
	if g.group == "" {
		g.first, g.last = c.Expiry, c.Expiry
	}
	g.group += groupOf(c.Serial, c.Count)
	g.last = max(g.last, c.Expiry)
}

func (g *gathering) endGroup() {
	if g.group != "" {
		g.t.holds.add(g.group, g.last)
	}
	g.group = ""
}

// write ends what was gathered.
func (g *gathering) write() {
	g.endGroup()
	if len(g.claims) > 0 {
		g.t.event(ledger.Reserved, g.claims)
	}
	g.claims = nil
}

// unown puts serials, which must be in order, back on sale.
func (t *Twin) unown(kind ledger.EventKind, gone []uint32) {
	if len(gone) == 0 {
		return
	}
	claims, paid := t.claimsOf(gone), uint64(0)
	for _, s := range gone {
		if t.sold[s].confirmed {
			paid++
		}
		t.buyerLoses(t.sold[s].buyer, s)
		delete(t.sold, s)
		t.free.Add(shard.Range{Start: s, End: s + 1})
	}
	n := uint64(len(gone))
	t.head.Pending -= n - paid
	t.head.Confirmed -= paid
	t.head.Free += n
	t.head.Gen++
	t.event(kind, claims)
}

// claimsOf is the claims of serials, which must be in order. Each is as long as possible.
func (t *Twin) claimsOf(serials []uint32) (claims []ledger.Claim) {
	for k, s := range serials {
		o, last := t.sold[s], len(claims)-1
		if k > 0 && serials[k-1]+1 == s && claims[last].Fence == o.fence && claims[last].Nonce == o.nonce {
			claims[last].Count++
			continue
		}
		claims = append(claims, ledger.Claim{Serial: s, Count: 1, Fence: o.fence, Nonce: o.nonce, Expiry: o.expiry, Buyer: o.buyer})
	}
	return claims
}

func (t *Twin) buyerLoses(buyer ledger.Buyer, serial uint32) {
	if t.head.Limit == 0 || buyer == (ledger.Buyer{}) {
		return
	}
	rest := slices.DeleteFunc(t.buyers[buyer], func(s uint32) bool { return s == serial })
	if t.buyers[buyer] = rest; len(rest) == 0 {
		delete(t.buyers, buyer)
	}
}

func (t *Twin) event(kind ledger.EventKind, claims []ledger.Claim) {
	t.numbered++
	if t.keeping {
		t.events = append(t.events, ledger.Event{ID: fmt.Sprint(t.numbered), Number: t.numbered, Kind: kind, Birth: t.head.Birth,
			At: t.head.Now, Raw: t.head.Raw, Claims: slices.Clone(claims)})
	}
}

// claimed is the life of a claim that is not settled yet; unheard, of a claim whose lease may be in lost history.
const (
	claimed = ledger.IsRefunded + 1
	unheard = ledger.IsRefunded + 2
)

func (t *Twin) life(c ledger.Claim) ledger.Life {
	o, known := t.sold[c.Serial]
	for s := c.Serial; s < c.Serial+c.Count; s++ {
		other := t.sold[s]
		known = known && other.fence == c.Fence && other.nonce == c.Nonce
	}
	if known {
		switch {
		case o.confirmed:
			return ledger.IsConfirmed
		case o.expiry > 0 && o.expiry <= t.head.Now:
			return ledger.IsExpired
		}
		return ledger.IsPending
	}
	if buried, is := t.answerKept(grave(c)); is {
		return buried.life()
	}
	switch {
	case c.Expiry <= t.head.Now:
	case t.leased(c):
		return claimed
	case t.unheard(c.Fence):
		return unheard
	}
	return ledger.IsExpired
}

// settled settles the claim if it is still to be settled, and returns its life.
func (t *Twin) settled(c ledger.Claim) ledger.Life {
	life := t.life(c)
	if life != claimed {
		return life
	}
	t.unlease(c)
	t.own(c)
	return ledger.IsPending
}

func (t *Twin) release(c ledger.Claim) ledger.Life {
	life := t.settled(c)
	if life != ledger.IsPending && (life != ledger.IsConfirmed || !t.bounds.Lacks(CancelConfirmed)) {
		return life
	}
	t.putBack(ledger.Cancelled, c, outcome{})
	return ledger.IsCancelled
}

// putBack puts a claim's units back on sale, and keeps in its grave that it did.
func (t *Twin) putBack(kind ledger.EventKind, c ledger.Claim, buried outcome) {
	var gone []uint32
	for s := c.Serial; s < c.Serial+c.Count; s++ {
		gone = append(gone, s)
	}
	t.unown(kind, gone)
	t.answerKeep(&t.noLog, grave(c), buried)
}

// Confirm is confirm.lua.
func (t *Twin) Confirm(raw int64, birth uint64, c ledger.Claim) (ledger.ReservationReply, error) {
	if err := t.open(raw, birth); err != nil {
		return ledger.ReservationReply{}, err
	}
	if err := t.tooSure(c); err != nil {
		return ledger.ReservationReply{}, err
	}
	life := t.settled(c)
	if life == unheard {
		return ledger.ReservationReply{}, reassertFirst()
	}
	if life == ledger.IsPending {
		t.event(ledger.Confirmed, []ledger.Claim{c})
		for s := c.Serial; s < c.Serial+c.Count; s++ {
			o := t.sold[s]
			o.confirmed, o.event = true, t.numbered
			t.sold[s] = o
		}
		t.head.Pending -= uint64(c.Count)
		t.head.Confirmed += uint64(c.Count)
		life = ledger.IsConfirmed
	}
	t.commitCalm()
	return ledger.ReservationReply{Head: t.view("-"), Life: life}, nil
}

// Cancel is cancel.lua.
func (t *Twin) Cancel(raw int64, birth uint64, c ledger.Claim) (ledger.ReservationReply, error) {
	if err := t.open(raw, birth); err != nil {
		return ledger.ReservationReply{}, err
	}
	life := t.release(c)
	if life == unheard {
		return ledger.ReservationReply{}, reassertFirst()
	}
	t.commitCalm()
	return ledger.ReservationReply{Head: t.view("-"), Life: life}, nil
}

// Reservation is reservation.lua. needed is the number of the first event that the order workers have not stored.
func (t *Twin) Reservation(raw int64, birth uint64, c ledger.Claim, needed uint64) (ledger.ReservationReply, error) {
	defer t.peek()()
	if err := t.look(raw, birth); err != nil {
		return ledger.ReservationReply{}, err
	}
	life := t.life(c)
	if life == unheard {
		return ledger.ReservationReply{}, reassertFirst()
	}
	if (life == ledger.IsCancelled || life == ledger.IsExpired || life == ledger.IsRefunded) && t.node.Replicas < t.head.Replicas {
		return ledger.ReservationReply{}, &ledger.Refusal{Code: "RECOVERING",
			Why: "replicas are missing: another server may know of it"}
	}
	expiry, number := c.Expiry, t.numbered
	if o := t.sold[c.Serial]; o.fence == c.Fence && o.nonce == c.Nonce && o.fence != 0 {
		expiry, number = o.expiry, o.event
	}
	out := ledger.ReservationReply{Head: t.view("-"), Life: life, Until: t.until(expiry), Stored: life != claimed && number < needed}
	if life == claimed {
		out.Life = ledger.IsPending
	}
	return out, nil
}

// until is when a claim's hold ends, by the store's clock.
func (t *Twin) until(expiry int64) int64 { return t.head.HoldEnds(expiry) }

// Mine is mine.lua.
func (t *Twin) Mine(raw int64, birth uint64, b ledger.Buyer) (ledger.MineReply, error) {
	if err := t.open(raw, birth); err != nil {
		return ledger.MineReply{}, err
	}
	switch {
	case t.head.Limit == 0:
		return ledger.MineReply{}, &ledger.Refusal{Code: "UNLISTED",
			Why: "only a sale with a limit per buyer knows which units a buyer has"}
	case b == (ledger.Buyer{}):
		return ledger.MineReply{}, &ledger.Refusal{Code: "NOBUYER", Why: "nobody has reservations of its own"}
	}
	mine := slices.DeleteFunc(slices.Clone(t.buyers[b]), func(s uint32) bool {
		o := t.sold[s]
		return o.confirmed || o.expiry > 0 && o.expiry <= t.head.Now
	})
	slices.Sort(mine)
	t.commitCalm()
	if len(mine) == 0 && t.recovering() {
		return ledger.MineReply{}, &ledger.Refusal{Code: "RECOVERING",
			Why: "the history of this sale was cut: what the buyer had may be missing here"}
	}
	return ledger.MineReply{Head: t.view("-"), Claims: t.claimsOf(mine)}, nil
}

// Expire is expire.lua.
func (t *Twin) Expire(raw int64, most int) (ledger.ExpireReply, error) {
	if err := t.open(raw, 0); err != nil {
		return ledger.ExpireReply{}, err
	}
	freed := t.sweep(max(1, min(most, ledger.MaxExpire)))
	t.commitCalm()
	return ledger.ExpireReply{Head: t.view("-"), Freed: freed}, nil
}
