package ledger

import (
	"cmp"
	"encoding/binary"
	"slices"

	"spike/shard"
)

// Buyer is a hash of the buyer's name; zero is an anonymous one.
type Buyer [8]byte

// Claim is a promise to a buyer: these serials, under this fence, until the expiry.
type Claim struct {
	Serial uint32
	Count  uint32
	Fence  uint64
	Nonce  uint64
	Expiry int64 // ledger time, microseconds
	Buyer  Buyer
}

// ClaimSize is a claim on the wire, in settle.lua and in the orders' stream: big endian, in the order of the fields.
const ClaimSize = 40

// AppendTo adds the claim's wire form.
func (c Claim) AppendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, c.Serial)
	b = binary.BigEndian.AppendUint32(b, c.Count)
	b = binary.BigEndian.AppendUint64(b, c.Fence)
	b = binary.BigEndian.AppendUint64(b, c.Nonce)
	b = binary.BigEndian.AppendUint64(b, uint64(c.Expiry))
	return append(b, c.Buyer[:]...)
}

// Batch is the first claims of a list, as many as make up `units` units or a little more, and the rest. Claims are counted by
// their units because a script's work is by the unit.
func Batch(claims []Claim, units int) (some, rest []Claim) {
	for i, c := range claims {
		if units -= int(max(c.Count, 1)); units <= 0 {
			return claims[:i+1], claims[i+1:]
		}
	}
	return claims, nil
}

// HeldBy is the leases that claims were made under, each with the serials of the claims and no more. Each Deadline is the
// expiry of the lease's last claim: with the hold, the true deadline is not before it.
func HeldBy(claims []Claim) (held []Held) {
	rest, latest := map[uint64]*RangeSet{}, map[uint64]int64{}
	for _, c := range claims {
		if rest[c.Fence] == nil {
			rest[c.Fence] = &RangeSet{}
			held = append(held, Held{Fence: c.Fence})
		}
		latest[c.Fence] = max(latest[c.Fence], c.Expiry)
		units := shard.Range{Start: c.Serial, End: c.Serial + c.Count}
		rest[c.Fence].CutAll(units) // a ring may name a serial twice
		rest[c.Fence].Add(units)
	}
	slices.SortFunc(held, func(a, b Held) int { return cmp.Compare(a.Fence, b.Fence) })
	for i := range held {
		held[i].Ranges, held[i].Deadline = rest[held[i].Fence].list, latest[held[i].Fence]
	}
	return held
}
