package buy

import (
	"errors"

	"spike/edge/allotment"
	"spike/edge/sales"
	"spike/luascripts/ledger"
)

// Outcome is what a buy came to, in one word.
type Outcome uint8

// The outcomes. A sale counts those before OneTicket.
const (
	Undecided Outcome = iota // nobody knows: the buyer may ask again
	Won                      // Decision.Sold belongs to the buyer
	SoldOut                  // for good
	NoneNow                  // held, unsold or unpaid units may come back
	Paused                   //
	Unopened                 // until Decision.At
	Closed                   //
	Refused                  // the sale makes no sense, or was changed by hand: Decision.Why
	OverLimit                // the buyer has as many as the sale allows; Decision.Sold may be its own pending reservation
	NoBuyer                  // the sale must know its buyers, and the request names none
	KeyUsed                  // the idempotency key stands for another number of units
	Entered                  // Decision.Sold.Buyer is in the draw of Decision.At
	TooMuch                  // the buy asks for more units than one buyer may ever have
	OneTicket                // the buy asks for more than one unit before the draw
	NoSale                   // no sale has that name
	Outcomes

	counted = OneTicket
)

const _ = uint(sales.Kinds - counted) // the tally has room

// labels are the values of the label "outcome" of spike_buys_total.
var labels = [counted]string{Undecided: "undecided", Won: "won", SoldOut: "sold_out", NoneNow: "none_now", Paused: "paused",
	Unopened: "not_open", Closed: "closed", Refused: "refused", OverLimit: "over_limit", NoBuyer: "no_buyer", KeyUsed: "key_used",
	Entered: "entered", TooMuch: "n_over_limit"}

// Labels are the labels of the counted outcomes, by outcome.
func Labels() []string { return labels[:] }

// Counts says whether a sale counts buys with this outcome.
func (o Outcome) Counts() bool { return o < counted }

// Decision is what a buy came to. The zero value promises nothing.
type Decision struct {
	Outcome Outcome
	Sold    allotment.Sold // Count 0: no units
	At      int64          // by the store's clock, Unix microseconds
	Why     string         // for people
}

func won(sold allotment.Sold) Decision { return Decision{Outcome: Won, Sold: sold} }

func entered(q *Request, draws int64) Decision {
	return Decision{Outcome: Entered, Sold: allotment.Sold{Claim: ledger.Claim{Buyer: q.Buyer}}, At: draws}
}

// Request is one buy.
type Request struct {
	N     uint32
	Buyer ledger.Buyer          // zero: the request names no buyer
	Key   ledger.IdempotencyKey // zero: the request has none
}

func (q *Request) keyed() bool { return q.Key != ledger.IdempotencyKey{} }

// Unknown is the Decision of a buy whose sale could not be opened.
func Unknown(err error) Decision {
	var no *ledger.Refusal
	switch {
	case errors.Is(err, ledger.ErrNoSale), errors.Is(err, ledger.ErrName):
		return Decision{Outcome: NoSale}
	case errors.As(err, &no):
		return Decision{Outcome: Refused, Why: no.Why}
	}
	return Decision{}
}
