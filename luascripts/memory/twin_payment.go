package memory

import (
	"cmp"
	"time"

	"spike/luascripts/ledger"
)

// A payment may need more time, or the way back, beside Confirm.

// tooSure refuses to answer for a living claim while the true ledger time may be later than it is here.
func (t *Twin) tooSure(c ledger.Claim) error {
	if life := t.life(c); !t.unsure() || life != ledger.IsPending && life != claimed {
		return nil
	}
	t.commit() // time passes even if nobody else calls
	return &ledger.Refusal{Code: "RECOVERING", Why: "history was lost: it may be later than it is here"}
}

// life is what a grave says became of its claim: a refunded one has its count there.
func (k outcome) life() ledger.Life {
	if k.n > 0 {
		return ledger.IsRefunded
	}
	return ledger.IsCancelled
}

// Release is release.lua.
func (t *Twin) Release(raw int64, birth uint64, c ledger.Claim) (ledger.ReservationReply, error) {
	if err := t.open(raw, birth); err != nil {
		return ledger.ReservationReply{}, err
	}
	c = t.present(c)
	life := t.settled(c)
	if life == unheard {
		return ledger.ReservationReply{}, reassertFirst()
	}
	if life == ledger.IsPending || life == ledger.IsConfirmed {
		t.putBack(ledger.Refunded, c, outcome{n: c.Count})
		life = ledger.IsRefunded
	}
	t.commitCalm()
	return ledger.ReservationReply{Head: t.view("-"), Life: life}, nil
}

// Prolong is prolong.lua.
func (t *Twin) Prolong(raw int64, birth uint64, c ledger.Claim, by time.Duration) (ledger.ReservationReply, error) {
	if err := t.open(raw, birth); err != nil {
		return ledger.ReservationReply{}, err
	}
	if err := t.tooSure(c); err != nil {
		return ledger.ReservationReply{}, err
	}
	life, ends := t.settledToProlong(c), c.Expiry
	if life == unheard {
		return ledger.ReservationReply{}, reassertFirst()
	}
	if life == ledger.IsPending {
		ends = t.prolongHold(c, by)
	}
	t.commit()
	return ledger.ReservationReply{Head: t.view("-"), Life: life, Until: t.until(ends)}, nil
}

// prolongHold moves the end of a pending claim's hold, and returns the end.
func (t *Twin) prolongHold(c ledger.Claim, by time.Duration) int64 {
	o := t.sold[c.Serial]
	was, first := o.expiry, cmp.Or(o.first, o.expiry, c.Expiry)
	over := first + min(by.Microseconds(), t.head.Hold)
	switch {
	case t.head.Hold == 0 || over <= was:
		return was
	case was == 0: // a mutant has not settled it
		return over
	}
	told := c
	told.Expiry = over
	t.event(ledger.Prolonged, []ledger.Claim{told})
	for s := c.Serial; s < c.Serial+c.Count; s++ {
		o := t.sold[s]
		o.first, o.expiry, o.event = first, over, t.numbered
		t.sold[s] = o
	}
	return over
}

// Unit is unit.lua.
func (t *Twin) Unit(raw int64, birth uint64, serial uint32, id ledger.Claim) (ledger.UnitReply, error) {
	defer t.peek()()
	if err := t.look(raw, birth); err != nil {
		return ledger.UnitReply{}, err
	}
	out, o := ledger.UnitReply{Head: t.view("-")}, t.sold[serial]
	switch {
	case o.fence != 0 && (id.Fence == 0 || o.fence == id.Fence && o.nonce == id.Nonce):
		list := t.whole([]uint32{serial})
		out.Claim = ledger.Claim{Serial: serial, Count: uint32(len(list)), Fence: o.fence, Nonce: o.nonce, Expiry: o.expiry,
			Buyer: o.buyer}
		for _, s := range list {
			out.Claim.Serial = min(out.Claim.Serial, s)
		}
	case id.Fence != 0:
		out.Claim = t.buried(serial, id)
	}
	return out, nil
}

// buried is the claim of that id which had the serial; Count 0: none is kept.
func (t *Twin) buried(serial uint32, id ledger.Claim) ledger.Claim {
	for first := serial; first > 0 && serial-first < ledger.MaxUnits; first-- {
		c := ledger.Claim{Serial: first, Count: 1, Fence: id.Fence, Nonce: id.Nonce}
		k, is := t.answerKept(grave(c))
		if c.Count = max(k.n, 1); is && serial-first < c.Count {
			return c
		}
	}
	return ledger.Claim{}
}
