package allotment

import (
	"encoding/binary"
	"slices"

	"spike/luascripts/ledger"
	"spike/shard"
)

// An offer is a claim that becomes its buyer's only if the ledger binds it to the buyer's key. It takes two slots in a row. The
// key's slot is published first, so that an offer is never without its key.

// Offer is a claim, and the key that it is offered to.
type Offer struct {
	ledger.Claim
	Key ledger.IdempotencyKey
}

// keyRecord is a key in the form of a slot. The key takes the space of expiry and buyer, under the offer's fence and nonce.
func keyRecord(c ledger.Claim, key ledger.IdempotencyKey) ledger.Claim {
	c.Expiry = int64(binary.BigEndian.Uint64(key[:8]))
	copy(c.Buyer[:], key[8:])
	return c
}

func (r *record) key() (k ledger.IdempotencyKey) {
	binary.BigEndian.PutUint64(k[:8], uint64(r.Expiry))
	copy(k[8:], r.Buyer[:])
	return k
}

// reserveTwo is reserve for an offer. first is the key's slot.
func (r *Ring) reserveTwo() (first, second reservedSlot, ok bool) {
	id := uint64(shard.CPU() & (len(r.lanes) - 1))
	l := &r.lanes[id]
	for {
		pos := l.tail.Load()
		if pos-l.head.Load() >= uint64(len(l.slot))-1 {
			return reservedSlot{}, reservedSlot{}, false
		}
		if l.tail.CompareAndSwap(pos, pos+2) {
			at := func(pos uint64) reservedSlot { return reservedSlot{r, &l.slot[pos&uint64(len(l.slot)-1)], pos, id} }
			return at(pos), at(pos + 1), true
		}
	}
}

// left is the claims and offers in a dead process' Ring that the ledger has not answered for, in no order. torn counts
// half-written slots.
type left struct {
	claims []ledger.Claim
	offers []Offer
	torn   int
}

// lane reads a lane of `size` slots as far as it exists. Positions below head are free.
func (f *left) lane(slots []slot, size int, head uint64) {
	mask := uint64(size - 1)
	for i := range slots {
		s := &slots[i]
		turn := s.turn.Load()
		switch here := turn > head && turn-head <= uint64(size) && (turn-1)&mask == uint64(i); {
		case turn == 0, turn <= head:
		case !here, s.sum != s.checksum(turn):
			f.torn++
		case s.kind == claim:
			f.claims = append(f.claims, s.Claim)
		case s.kind == offer:
			f.offered(s, slots, (turn-2)&mask)
		}
	}
}

// offered adds an offer, if its key is in the slot before.
func (f *left) offered(s *slot, slots []slot, before uint64) {
	turn := s.turn.Load() - 1
	if before >= uint64(len(slots)) {
		f.torn++
		return
	}
	k := &slots[before]
	if k.turn.Load() != turn || k.kind != key || k.sum != k.checksum(turn) || k.Nonce != s.Nonce {
		f.torn++
		return
	}
	f.offers = append(f.offers, Offer{s.Claim, k.key()})
}

// all is claims and offers alike: the sold units of a lease.
func (f *left) all() []ledger.Claim {
	out := slices.Clip(f.claims)
	for _, o := range f.offers {
		out = append(out, o.Claim)
	}
	return out
}
