package luascripts

import (
	"fmt"
	"slices"

	"spike/shard"
)

// The twin and one reservation.

// leased says whether the claim's lease still has all of it.
func (t *Twin) leased(c Claim) bool {
	l := t.leaseOf(c)
	if l == nil || l.limbo && t.bounds.Lacks(LimboDeaf) {
		return false
	}
	return l.rem.Contains(shard.Range{Start: c.Serial, End: c.Serial + c.Count})
}

// unlease takes a claim's units out of its lease.
func (t *Twin) unlease(c Claim) bool {
	l := t.leaseOf(c)
	if l == nil || !l.rem.Cut(shard.Range{Start: c.Serial, End: c.Serial + c.Count}) {
		return false
	}
	*t.counter(l) -= uint64(c.Count)
	t.drop(l)
	return true
}

// write makes a claim's serials pending.
func (t *Twin) write(c Claim, number uint64) {
	o := owner{fence: c.Fence, nonce: c.Nonce, expiry: c.Expiry, event: number, buyer: c.Buyer}
	if t.head.Hold == 0 {
		o.expiry = 0
	}
	for s := c.Serial; s < c.Serial+c.Count; s++ {
		t.sold[s] = o
	}
	t.head.Pending += uint64(c.Count)
}

// own makes a claim pending whose units have left where they were.
func (t *Twin) own(c Claim) {
	t.event(Reserved, []Claim{c})
	t.write(c, t.numbered)
	if t.head.Hold > 0 {
		t.holds.add(groupOf(c.Serial, c.Count), c.Expiry)
	}
	for s := c.Serial; t.head.Limit > 0 && s < c.Serial+c.Count; s++ {
		t.buyers[c.Buyer] = append(t.buyers[c.Buyer], s)
	}
}

// unown puts serials, in their order, back on sale.
func (t *Twin) unown(kind EventKind, gone []uint32) {
	if len(gone) == 0 {
		return
	}
	var claims []Claim
	for k, s := range gone {
		o := t.sold[s]
		delete(t.sold, s)
		t.free.Add(shard.Range{Start: s, End: s + 1})
		t.buyerLoses(o.buyer, s)
		last := len(claims) - 1
		if k > 0 && gone[k-1]+1 == s && claims[last].Fence == o.fence && claims[last].Nonce == o.nonce {
			claims[last].Count++
			continue
		}
		claims = append(claims, Claim{Serial: s, Count: 1, Fence: o.fence, Nonce: o.nonce, Expiry: o.expiry, Buyer: o.buyer})
	}
	n := uint64(len(gone))
	t.head.Pending -= n
	t.head.Free += n
	t.head.Gen++
	t.event(kind, claims)
}

func (t *Twin) buyerLoses(buyer Buyer, serial uint32) {
	if t.head.Limit == 0 || buyer == (Buyer{}) {
		return
	}
	rest := slices.DeleteFunc(t.buyers[buyer], func(s uint32) bool { return s == serial })
	if t.buyers[buyer] = rest; len(rest) == 0 {
		delete(t.buyers, buyer)
	}
}

func (t *Twin) event(kind EventKind, claims []Claim) {
	t.numbered++
	if t.keeping {
		t.events = append(t.events, Event{ID: fmt.Sprint(t.numbered), Number: t.numbered, Kind: kind, Birth: t.head.Birth,
			At: t.head.Now, Raw: t.head.Raw, Claims: slices.Clone(claims)})
	}
}

// claimed is the life of a claim whose settle is still to come; unheard, of one whose lease may be lost history.
const (
	claimed = IsExpired + 1
	unheard = IsExpired + 2
)

func (t *Twin) life(c Claim) Life {
	o, known := t.sold[c.Serial]
	for s := c.Serial; s < c.Serial+c.Count; s++ {
		other := t.sold[s]
		known = known && other.fence == c.Fence && other.nonce == c.Nonce
	}
	if known {
		switch {
		case o.confirmed:
			return IsConfirmed
		case o.expiry > 0 && o.expiry <= t.head.Now:
			return IsExpired
		}
		return IsPending
	}
	if _, cancelled := t.answerKept(grave(c)); cancelled {
		return IsCancelled
	}
	switch {
	case c.Expiry <= t.head.Now:
	case t.leased(c):
		return claimed
	case t.unheard(c.Fence):
		return unheard
	}
	return IsExpired
}

// settled is the claim's life, once it is settled.
func (t *Twin) settled(c Claim) Life {
	life := t.life(c)
	if life != claimed {
		return life
	}
	t.unlease(c)
	t.own(c)
	return IsPending
}

func (t *Twin) release(c Claim) Life {
	life := t.settled(c)
	if life != IsPending && (life != IsConfirmed || !t.bounds.Lacks(CancelConfirmed)) {
		return life
	}
	var gone []uint32
	for s := c.Serial; s < c.Serial+c.Count; s++ {
		gone = append(gone, s)
	}
	t.unown(Cancelled, gone)
	t.answerKeep(&t.noLog, grave(c), keyAnswer{})
	return IsCancelled
}

// Confirm is confirm.lua.
func (t *Twin) Confirm(raw int64, birth uint64, c Claim) (ReservationReply, error) {
	if err := t.open(raw, birth); err != nil {
		return ReservationReply{}, err
	}
	if life := t.life(c); t.unsure() && (life == IsPending || life == claimed) {
		t.commit() // time passes, though nobody else calls
		return ReservationReply{}, &Refusal{Code: "RECOVERING", Why: "history was lost: it may be later than it is here"}
	}
	life := t.settled(c)
	if life == unheard {
		return ReservationReply{}, reassertFirst()
	}
	if life == IsPending {
		t.event(Confirmed, []Claim{c})
		for s := c.Serial; s < c.Serial+c.Count; s++ {
			o := t.sold[s]
			o.confirmed, o.event = true, t.numbered
			t.sold[s] = o
		}
		t.head.Pending -= uint64(c.Count)
		t.head.Confirmed += uint64(c.Count)
		life = IsConfirmed
	}
	t.commitCalm()
	return ReservationReply{Head: t.view("-"), Life: life}, nil
}

// Cancel is cancel.lua.
func (t *Twin) Cancel(raw int64, birth uint64, c Claim) (ReservationReply, error) {
	if err := t.open(raw, birth); err != nil {
		return ReservationReply{}, err
	}
	life := t.release(c)
	if life == unheard {
		return ReservationReply{}, reassertFirst()
	}
	t.commitCalm()
	return ReservationReply{Head: t.view("-"), Life: life}, nil
}

// Reservation is reservation.lua; needed is the number of the first event the order workers have not stored.
func (t *Twin) Reservation(raw int64, birth uint64, c Claim, needed uint64) (ReservationReply, error) {
	defer t.peek()()
	if err := t.look(raw, birth); err != nil {
		return ReservationReply{}, err
	}
	life := t.life(c)
	if life == unheard {
		return ReservationReply{}, reassertFirst()
	}
	if (life == IsCancelled || life == IsExpired) && t.node.Replicas < t.head.Replicas {
		return ReservationReply{}, &Refusal{Code: "RECOVERING", Why: "replicas are missing: another server may know of it"}
	}
	expiry, number := c.Expiry, t.numbered
	if o := t.sold[c.Serial]; o.fence == c.Fence && o.nonce == c.Nonce && o.fence != 0 {
		expiry, number = o.expiry, o.event
	}
	out := ReservationReply{Head: t.view("-"), Life: life, Until: t.until(expiry), Stored: life != claimed && number < needed}
	if life == claimed {
		out.Life = IsPending
	}
	return out, nil
}

// until is when a claim's hold ends by the store's clock.
func (t *Twin) until(expiry int64) int64 {
	if t.head.Hold == 0 {
		return 0
	}
	return t.head.Raw + expiry - t.head.Now
}

// Expire is expire.lua.
func (t *Twin) Expire(raw int64, most int) (ExpireReply, error) {
	if err := t.open(raw, 0); err != nil {
		return ExpireReply{}, err
	}
	freed := t.sweep(max(1, min(most, MaxExpire)))
	t.commitCalm()
	return ExpireReply{Head: t.view("-"), Freed: freed}, nil
}
