package token

import (
	"encoding/binary"

	"spike/luascripts/ledger"
)

// A ticket says that its buyer has entered a draw. Answers call it `claim`. It is 36 bytes, which are 48 characters of base64url.
//
//	version 1 | key id 1 | sale's birth 8 | buyer 8 | MAC 18
//
// It is made as a token is. Length and version tell the two apart. A ticket proves only that its buyer has entered. What has
// become of the buyer's lot, only the ledger knows.
const (
	ticketVersion = 2
	ticketBody    = 18
	ticketSize    = ticketBody + 18
	// TicketLen is a ticket's length in characters.
	TicketLen = 48
)

// Ticket is what a ticket says.
type Ticket struct {
	Birth uint64
	Buyer ledger.Buyer
}

// AppendTicket appends the ticket's text to b.
func (s *Signer) AppendTicket(b []byte, ticket Ticket) []byte {
	k, w := s.begin()
	raw := append(w.raw[:0], ticketVersion, k.id)
	raw = binary.BigEndian.AppendUint64(raw, ticket.Birth)
	raw = append(raw, ticket.Buyer[:]...)
	return k.end(w, b, raw, ticketSize)
}

// ParseTicket reads a ticket and checks it in constant time. It accepts exactly the bytes that AppendTicket writes.
func (s *Signer) ParseTicket(text []byte) (Ticket, error) {
	var raw [ticketSize]byte
	if !s.open(raw[:], text, ticketVersion, ticketBody) {
		return Ticket{}, ErrToken
	}
	return Ticket{Birth: binary.BigEndian.Uint64(raw[2:]), Buyer: ledger.Buyer(raw[10:ticketBody])}, nil
}
