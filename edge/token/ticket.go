package token

import (
	"crypto/hmac"
	"encoding/base64"
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
	k := s.keys()[0]
	w := k.pool.Get().(*signing)
	b = base64.RawURLEncoding.AppendEncode(b, w.ticket(ticket, k.id))
	k.pool.Put(w)
	return b
}

// ticket is the bytes of a ticket, with its MAC.
func (w *signing) ticket(s Ticket, id byte) []byte {
	raw := append(w.raw[:0], ticketVersion, id)
	raw = binary.BigEndian.AppendUint64(raw, s.Birth)
	raw = append(raw, s.Buyer[:]...)
	w.mac.Reset()
	w.mac.Write(raw)
	return w.mac.Sum(raw)[:ticketSize]
}

// ParseTicket reads a ticket and checks it in constant time. It accepts exactly the bytes that AppendTicket writes.
func (s *Signer) ParseTicket(text []byte) (Ticket, error) {
	var raw [ticketSize]byte
	if len(text) != TicketLen {
		return Ticket{}, ErrToken
	}
	if n, err := base64.RawURLEncoding.Strict().Decode(raw[:], text); err != nil || n != ticketSize {
		return Ticket{}, ErrToken
	}
	ticket := Ticket{Birth: binary.BigEndian.Uint64(raw[2:]), Buyer: ledger.Buyer(raw[10:ticketBody])}
	for _, k := range s.keys() {
		if k.id == raw[1] && k.madeTicket(ticket, &raw) {
			return ticket, nil
		}
	}
	return Ticket{}, ErrToken
}

func (k *signingKey) madeTicket(ticket Ticket, raw *[ticketSize]byte) bool {
	w := k.pool.Get().(*signing)
	same := hmac.Equal(w.ticket(ticket, k.id), raw[:])
	k.pool.Put(w)
	return same
}
