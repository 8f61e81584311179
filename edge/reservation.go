package edge

import (
	"context"
	"errors"
	"time"

	"github.com/valyala/fasthttp"

	"spike/edge/answer"
	"spike/edge/buy"
	"spike/edge/sales"
	"spike/edge/token"
	"spike/luascripts/ledger"
)

// This file answers requests with a token. Tokens are secrets: no log has one, and no answer says why a token is not good.

// action is one thing to do about a claim.
type action func(ctx context.Context, sale string, birth uint64, c ledger.Claim) (ledger.ReservationReply, error)

// about does an action about the claim of a token. Its error is ErrNoReservation or ledger.ErrDown.
func (s *Server) about(ctx context.Context, text []byte, do action) (answer.Reservation, ledger.ReservationReply, error) {
	shown, err := s.signer.Parse(text)
	if err != nil {
		return answer.Reservation{}, ledger.ReservationReply{}, answer.ErrNoReservation
	}
	sale, err := s.generations.Name(shown.Birth)
	var reply ledger.ReservationReply
	if err == nil {
		reply, err = do(ctx, sale, shown.Birth, shown.Claim)
	}
	switch gone := errors.Is(err, ledger.ErrNoSale) || errors.Is(err, ledger.ErrBirth); {
	case err == nil:
		return answer.Described(sale, shown.Birth, shown.Claim, reply.Life), reply, nil
	case gone && !s.generations.Doubtful(shown.Birth, err):
		err = answer.ErrNoReservation
	default: // nobody knows
		err = ledger.ErrDown
	}
	return answer.Reservation{}, reply, err
}

// changed gives the reservation the wanted state, or its error says which other state it has. A repeated change gets the first
// answer.
func (s *Server) changed(ctx context.Context, text []byte, do action, wanted ledger.Life) (answer.Reservation,
	ledger.ReservationReply, error) {
	res, reply, err := s.about(ctx, text, do)
	switch {
	case err != nil:
	case reply.Life == wanted:
		s.ended.add(wanted.String())
	case reply.Life == ledger.IsPending: // cannot be: the action must have ended it
		err = ledger.ErrDown
	default:
		err = res.Already()
	}
	return res, reply, err
}

func (s *Server) changeTo(ctx context.Context, text []byte, do action, wanted ledger.Life) answer.Reply {
	res, _, err := s.changed(ctx, text, do, wanted)
	if err != nil {
		return answer.Of(err)
	}
	return res.Reply()
}

// showReservation is GET /v1/reservations/{token}, where the token may be a ticket.
func (s *Server) showReservation(_ *fasthttp.RequestCtx, text []byte) answer.Reply {
	if len(text) == token.TicketLen {
		return s.showTicket(text)
	}
	return s.showToken(text, "")
}

// showToken shows a reservation as the ledger has it. again is its token, for a buyer who does not know that yet; "": none.
func (s *Server) showToken(text []byte, again string) answer.Reply {
	res, reply, err := s.about(s.life, text, s.store.Reservation)
	if err != nil {
		return answer.Of(err)
	}
	if reply.Life == ledger.IsPending {
		res.Ends(reply.Raw, reply.Until)
	}
	res.Order = answer.Stored(reply.Stored)
	res.Token = again
	return res.Reply()
}

// showMine is GET /v1/sales/{sale}/reservations/mine: the buyer's own reservations that may still be paid, with their tokens.
func (s *Server) showMine(ctx *fasthttp.RequestCtx, name []byte) answer.Reply {
	who, err := s.identify(ctx)
	var sale *sales.Sale
	if err == nil {
		sale, err = s.find(name)
	}
	var mine ledger.MineReply
	if err == nil {
		mine, err = s.sales.Mine(sale, who.Buyer)
	}
	if err != nil {
		return answer.Of(err)
	}
	list := make([]answer.Reservation, len(mine.Claims))
	for i, c := range mine.Claims {
		list[i] = answer.Described(sale.Name, mine.Birth, c, ledger.IsPending)
		list[i].Ends(mine.Raw, mine.HoldEnds(c.Expiry))
		list[i].Token = string(s.signer.Append(nil, mine.Birth, &c))
	}
	return answer.Own(list)
}

// cancel is POST /v1/reservations/{token}/cancel.
func (s *Server) cancel(_ *fasthttp.RequestCtx, text []byte) answer.Reply {
	return s.changeTo(s.life, text, s.store.Cancel, ledger.IsCancelled)
}

// confirm is on the operators' side, because a buyer must not declare its own payment.
func (s *Server) confirm(ctx context.Context, text string) answer.Reply {
	return s.changeTo(ctx, []byte(text), s.store.Confirm, ledger.IsConfirmed)
}

// prolong lets a pending reservation's hold end later, and says when.
func (s *Server) prolong(ctx context.Context, text string, by time.Duration) (answer.Reservation, error) {
	res, reply, err := s.changed(ctx, []byte(text), func(ctx context.Context, sale string, birth uint64, c ledger.Claim) (
		ledger.ReservationReply, error) {
		return s.store.Prolong(ctx, sale, birth, c, by)
	}, ledger.IsPending)
	if err == nil {
		res.Ends(reply.Raw, reply.Until)
	}
	return res, err
}

// release puts a reservation's units back on sale, also if it is confirmed.
func (s *Server) release(ctx context.Context, text string) (answer.Reservation, error) {
	res, _, err := s.changed(ctx, []byte(text), s.store.Release, ledger.IsRefunded)
	return res, err
}

// showTicket says what has become of a ticket. If the ticket has won, the answer has the reservation and its token.
func (s *Server) showTicket(text []byte) answer.Reply {
	shown, err := s.signer.ParseTicket(text)
	if err != nil {
		return answer.Of(answer.ErrNoReservation)
	}
	sale, err := s.generations.Sale(shown.Birth)
	if errors.Is(err, ledger.ErrNoSale) {
		return answer.Of(answer.ErrNoReservation)
	}
	var ticket buy.Ticket
	if err == nil {
		ticket, err = s.seller.Look(sale, shown.Buyer)
	}
	if err != nil {
		return answer.Of(ledger.ErrDown)
	}
	if ticket.Fresh {
		s.count(sale, buy.Won, 0)
	}
	switch ticket.Fate {
	case buy.Waiting:
		return s.cfg.Again.TicketWaits(sale.Name, string(text), sale.StoreTime(), ticket.At)
	case buy.Drawn:
		won := s.signer.Append(nil, sale.Birth, &ticket.Claim)
		return s.showToken(won, string(won))
	case buy.Lost, buy.Expired:
		return answer.TicketOver(sale.Name, ticket.Fate)
	case buy.NoTicket:
	}
	return answer.Of(answer.ErrNoReservation)
}
