package allotment

import (
	"encoding/binary"
	"slices"

	"spike/luascripts/ledger"
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

// left is the claims and offers in a dead process' Rings that the ledger has not answered for, in no order.
type left struct {
	Claims []ledger.Claim
	Offers []Offer
	Torn   int // half-written slots, which only a machine's death leaves, and a changed length of the file
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
			f.Torn++
		case s.kind == claim:
			f.Claims = append(f.Claims, s.Claim)
		case s.kind == offer:
			f.offered(s, slots, (turn-2)&mask)
		}
	}
}

// offered adds an offer, if its key is in the slot before.
func (f *left) offered(s *slot, slots []slot, before uint64) {
	turn := s.turn.Load() - 1
	if before >= uint64(len(slots)) {
		f.Torn++
		return
	}
	k := &slots[before]
	if k.turn.Load() != turn || k.kind != key || k.sum != k.checksum(turn) || k.Nonce != s.Nonce {
		f.Torn++
		return
	}
	f.Offers = append(f.Offers, Offer{s.Claim, k.key()})
}

// All is claims and offers alike: the sold units of a lease.
func (f *left) All() []ledger.Claim {
	out := slices.Clip(f.Claims)
	for _, o := range f.Offers {
		out = append(out, o.Claim)
	}
	return out
}
