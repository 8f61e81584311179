package luascripts

import "encoding/binary"

// Buyer is a hash of the buyer's name; zero is an anonymous one.
type Buyer [8]byte

// Claim is a promise to a buyer: these serials, under this fence, until then.
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
