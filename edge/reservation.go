package edge

import (
	"context"
	"errors"
	"time"

	"spike/edge/answer"
	"spike/edge/buy"
	"spike/edge/sales"
	"spike/edge/token"
	"spike/luascripts/ledger"
)

// reservations answers requests with a token. Tokens are secrets: no log has one, and no answer says why a token is not good.
type reservations struct {
	life        context.Context
	store       ledger.Reservations
	signer      *token.Signer
	generations *sales.Generations
	own         *sales.Own
	seller      *buy.Seller
	count       func(*sales.Sale, buy.Outcome)
}

// action is one thing to do about a claim.
type action func(ctx context.Context, sale string, birth uint64, c ledger.Claim) (ledger.ReservationReply, error)

// run does an action about the claim of a token. Its error is ErrNoReservation or ledger.ErrDown.
func (r *reservations) run(ctx context.Context, text []byte, do action) (answer.Reservation, ledger.ReservationReply, error) {
	shown, err := r.signer.Parse(text)
	if err != nil {
		return answer.Reservation{}, ledger.ReservationReply{}, answer.ErrNoReservation
	}
	sale, err := r.generations.Name(shown.Birth)
	var reply ledger.ReservationReply
	if err == nil {
		reply, err = do(ctx, sale, shown.Birth, shown.Claim)
	}
	if err != nil {
		return answer.Reservation{}, reply, r.errorOf(shown.Birth, err)
	}
	return described(sale, shown.Claim, reply.Life), reply, nil
}

// described is a reservation without its times.
func described(sale string, c ledger.Claim, life ledger.Life) answer.Reservation {
	res := answer.Reservation{Sale: sale, Serial: c.Serial, State: life.String()}
	if c.Count > 1 {
		res.Count = c.Count
	}
	return res
}

// expires is the end of a hold as the answer to the buy says it; nil: the hold has no end.
func expires(us int64) *time.Time {
	if us == 0 {
		return nil
	}
	until := time.UnixMicro(us).UTC().Truncate(time.Second)
	return &until
}

// errorOf is ErrNoReservation if the sale is gone, and ledger.ErrDown if nobody knows.
func (r *reservations) errorOf(birth uint64, err error) error {
	gone := errors.Is(err, ledger.ErrNoSale) || errors.Is(err, ledger.ErrBirth)
	if gone && !r.generations.Doubtful(birth, err) {
		return answer.ErrNoReservation
	}
	return ledger.ErrDown
}

// look is a reservation as the ledger has it.
func (r *reservations) look(text []byte) (answer.Reservation, error) {
	res, reply, err := r.run(r.life, text, r.store.Reservation)
	if err != nil {
		return res, err
	}
	if reply.Life == ledger.IsPending {
		res.ExpiresAt = expires(reply.Until)
	}
	res.Order = &answer.Order{State: "queued"}
	if reply.Stored {
		res.Order.State = "stored"
	}
	return res, nil
}

// change gives the reservation the wanted state, or says which other state it has. A repeated change gets the first answer.
func (r *reservations) change(ctx context.Context, text []byte, do action, wanted ledger.Life) answer.Reply {
	res, reply, err := r.run(ctx, text, do)
	switch {
	case err != nil:
		return answer.Of(err)
	case reply.Life == wanted:
		return res.Reply()
	case reply.Life == ledger.IsPending: // cannot be: the action must have ended it
		return answer.Of(ledger.ErrDown)
	}
	return res.Already()
}

// show is GET /v1/reservations/{token}, where the token may be a ticket.
func (r *reservations) show(text []byte) answer.Reply {
	if len(text) == token.TicketLen {
		return r.showTicket(text)
	}
	res, err := r.look(text)
	if err != nil {
		return answer.Of(err)
	}
	return res.Reply()
}

// mine is the buyer's own reservations that may still be paid, with their tokens.
func (r *reservations) mine(sale *sales.Sale, b ledger.Buyer) answer.Reply {
	reply, err := r.own.Find(sale, b)
	if err != nil {
		return answer.Of(err)
	}
	list := make([]answer.Reservation, len(reply.Claims))
	for i, c := range reply.Claims {
		list[i] = described(sale.Name, c, ledger.IsPending)
		list[i].ExpiresAt = expires(reply.HoldEnds(c.Expiry))
		list[i].Token = string(r.signer.Append(nil, reply.Birth, &c))
	}
	return answer.Own(list)
}

// cancel is POST /v1/reservations/{token}/cancel.
func (r *reservations) cancel(text []byte) answer.Reply {
	return r.change(r.life, text, r.store.Cancel, ledger.IsCancelled)
}

// confirm is on the operators' side, because a buyer must not declare its own payment.
func (r *reservations) confirm(ctx context.Context, text string) answer.Reply {
	return r.change(ctx, []byte(text), r.store.Confirm, ledger.IsConfirmed)
}

// showTicket says what has become of a ticket. If the ticket has won, the answer has the reservation and its token.
func (r *reservations) showTicket(text []byte) answer.Reply {
	shown, err := r.signer.ParseTicket(text)
	if err != nil {
		return answer.Of(answer.ErrNoReservation)
	}
	sale, err := r.generations.Sale(shown.Birth)
	if errors.Is(err, ledger.ErrNoSale) {
		return answer.Of(answer.ErrNoReservation)
	}
	var ticket buy.Ticket
	if err == nil {
		ticket, err = r.seller.Look(sale, shown.Buyer)
	}
	if err != nil {
		return answer.Of(ledger.ErrDown)
	}
	if ticket.Fresh {
		r.count(sale, buy.Won)
	}
	switch ticket.Fate {
	case buy.Waiting:
		return answer.TicketWaits(sale.Name, string(text), sale.StoreTime(), ticket.At)
	case buy.Drawn:
		return r.showDrawn(sale, ticket)
	case buy.Lost:
		return answer.TicketLost(sale.Name)
	case buy.Expired:
		return answer.TicketExpired(sale.Name)
	case buy.NoTicket:
	}
	return answer.Of(answer.ErrNoReservation)
}

func (r *reservations) showDrawn(sale *sales.Sale, ticket buy.Ticket) answer.Reply {
	won := r.signer.Append(nil, sale.Birth, &ticket.Claim)
	res, err := r.look(won)
	if err != nil {
		return answer.Of(err)
	}
	res.Token = string(won)
	return res.Reply()
}
