package edge

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"spike/edge/allotment"
	"spike/edge/token"
	"spike/luascripts"
)

// The way of a buy in a sale whose first units go by lot: it enters the draw, its buyer asks what has become of it, and
// collects. None of this is on the way of any other sale's buys.

// enter answers a buy while the window is open: from the buyers this edge has entered before, no call.
func (s *Server) enter(ctx *fasthttp.RequestCtx, sale *Sale, v *allotment.Verdict, r *request) {
	switch {
	case r.n != 1:
		problem(ctx, fasthttp.StatusBadRequest, "bad_n", "n is 1 while lots are to be drawn")
		return
	case r.buyer == luascripts.Buyer{}:
		s.tell(ctx, sale, result{outcome: noBuyer}, r)
		return
	case sale.entries.has(r.buyer, sale.View().Era):
		s.entered(ctx, sale, v.Draws, r)
		return
	}
	mine, ok := sale.queue(r)
	if !ok {
		s.refuse(ctx, sale, busy, r)
		return
	}
	defer sale.unqueue(mine)
	switch reply, err := s.enterDraw(sale, r.buyer); {
	case err != nil:
		s.tell(ctx, sale, sale.failed(err), r)
	case reply.Entered:
		s.entered(ctx, sale, v.Draws, r)
	case reply.State == luascripts.Open:
		s.buyDrawn(ctx, sale, r)
	case reply.State == luascripts.Drawing: // no room, or a new era keeps the ledger from drawing
		s.refuse(ctx, sale, busy, r)
	default:
		s.refuse(ctx, sale, allotment.Door(reply.Head), r)
	}
}

// entered tells a buyer that it has a lot.
func (s *Server) entered(ctx *fasthttp.RequestCtx, sale *Sale, draws int64, r *request) {
	sale.tally.add(entered)
	s.decisions.note(sale, false)
	r.voice.waiting.sendStub(ctx, s.signer, sale, r.buyer, draws)
}

// failed is what an error of a call about lots means for a buyer.
func (s *Sale) failed(err error) result {
	var no *luascripts.Refusal
	if errors.As(err, &no) && s.missedElsewhere(no) {
		s.Hear(allotment.News{Unsure: true})
		return denied(busy)
	}
	return deducted(luascripts.DeductReply{}, err)
}

// buyDrawn buys once this edge, too, knows that lots are drawn.
func (s *Server) buyDrawn(ctx *fasthttp.RequestCtx, sale *Sale, r *request) {
	sale.Hear(allotment.News{Unsure: true})
	v := s.vigil()
	defer v.end()
	for waits := true; waits; {
		changed := sale.Changed()
		if now := sale.Verdict(); now == nil || now.Reason != allotment.Drawing {
			s.buy(ctx, sale, *r)
			return
		}
		waits = v.pass(changed)
	}
	s.refuse(ctx, sale, busy, r)
}

// buyBesideLots answers a buy while units are kept for winners: its own lot first, and then as in any sale.
func (s *Server) buyBesideLots(ctx *fasthttp.RequestCtx, sale *Sale, v *allotment.Verdict, r *request) {
	switch {
	case lotted(sale.View(), r): // asked for where it may wait
	case v.Others != nil:
		s.refuse(ctx, sale, v.Others, r)
		return
	case sale.atOnce:
		if sold, outcome := sale.Take(r.n, r.buyer); outcome == allotment.Won {
			s.win(ctx, sale, &sold, r)
			return
		}
	}
	s.buySlowly(ctx, sale, r)
}

// lotted says whether a unit may be kept for this buyer: that is worth a call, and of a hundred buyers one has it.
func lotted(h luascripts.Head, r *request) bool {
	return h.Lots.Kept > 0 && r.n == 1 && r.buyer != luascripts.Buyer{} && h.MayHaveLot(r.buyer)
}

// lot gets the unit that was drawn for a buyer, if there is one. It is asked for once.
func (s *Server) lot(sale *Sale, h luascripts.Head, r *request) (came result, decided bool) {
	if r.lotAsked || !lotted(h, r) {
		return result{}, false
	}
	r.lotAsked = true
	reply, _, err := s.collect(sale, r)
	if err == nil && reply.Answer == luascripts.NotHad {
		return result{}, false
	}
	return s.kept(sale, r, reply, err), true
}

// collect is one Deduct by lot, in its turn; fresh: the unit was not collected before.
func (s *Server) collect(sale *Sale, r *request) (reply luascripts.DeductReply, fresh bool, err error) {
	leave, ok := sale.place(s.life, r)
	if !ok {
		return reply, false, luascripts.ErrDown
	}
	defer leave()
	byLot := *r
	byLot.byLot = true
	reply, err = s.deductOnce(sale, &byLot, luascripts.Claim{})
	return reply, err == nil && reply.Answer == luascripts.Had && reply.Claim.Nonce == byLot.nonce, err
}

// Lost lots are told what is still to be had.
const (
	lotLost    = "the lot has not won; what is left goes to whoever comes first"
	lotExpired = "the lot has won, and its unit was not collected in time; what is left goes to whoever comes first"
)

// showLot is GET /v1/reservations/{claim}, where the claim is a stub.
func (s *Server) showLot(ctx *fasthttp.RequestCtx, text []byte) {
	if !ctx.IsGet() && !ctx.IsHead() {
		notAllowed(ctx, "GET, HEAD")
		return
	}
	stub, err := s.signer.ParseStub(text)
	if err != nil {
		sorry(errNoReservation).send(ctx)
		return
	}
	sale, err := s.saleBorn(stub.Birth)
	if err != nil {
		sorry(err).send(ctx)
		return
	}
	s.become(sale, stub.Buyer, text).send(ctx)
}

// saleBorn opens the sale a stub speaks of.
func (s *Server) saleBorn(birth uint64) (*Sale, error) {
	b := s.reservations.births
	name, err := b.find(birth)
	var sale *Sale
	if err == nil {
		sale, err = s.sales.find(s.life, name)
	}
	switch {
	case err == nil && sale.birth == birth:
		return sale, nil
	case err != nil && !errors.Is(err, luascripts.ErrNoSale) || b.doubtful(birth, err):
		return nil, luascripts.ErrDown
	}
	return nil, errNoReservation
}

// become is what has become of a buyer's lot. Who has lost needs no call: the seed is known by then.
func (s *Server) become(sale *Sale, b luascripts.Buyer, text []byte) word {
	h := sale.View()
	switch {
	case h.Lots.Window == 0:
		return sorry(errNoReservation)
	case h.Lots.Drawn > 0:
		sale.entries.forget()
	default:
		if sale.StoreTime() >= h.DrawsAt() {
			sale.Hear(allotment.News{Unsure: true})
		}
		return sale.waits(h, text)
	}
	if !h.MayHaveLot(b) {
		return said(Reservation{Sale: sale.name, State: "lost", Detail: lotLost})
	}
	r := request{n: 1, buyer: b, polls: true}
	mine, ok := sale.queue(&r)
	if !ok {
		return sorry(luascripts.ErrDown)
	}
	defer sale.unqueue(mine)
	reply, fresh, err := s.collect(sale, &r)
	if fresh {
		sale.tally.add(won)
		s.decisions.note(sale, true)
	}
	if err != nil {
		return sorry(err)
	}
	return s.collected(sale, reply, text)
}

// collected is what a lot that may have won came to.
func (s *Server) collected(sale *Sale, reply luascripts.DeductReply, text []byte) word {
	kept := reply.Lots.Kept > 0
	switch {
	case reply.Answer == luascripts.Had:
		return s.reservations.lookAt(s.life, sale, reply.Claim)
	case reply.Answer == luascripts.OverLimit, // with other units, which it may cancel
		reply.Answer == luascripts.NotHad && kept && reply.State != luascripts.Open && reply.State != luascripts.Closed:
		return sale.waits(reply.Head, text)
	case reply.Answer == luascripts.NotHad && (!kept || reply.State == luascripts.Closed):
		return said(Reservation{Sale: sale.name, State: "expired", Detail: lotExpired})
	}
	return said(Reservation{Sale: sale.name, State: "lost", Detail: lotLost})
}

// waits says that the draw is still to come, or, of a paused sale, the collecting.
func (s *Sale) waits(h luascripts.Head, text []byte) word {
	draws := time.UnixMicro(h.DrawsAt()).UTC()
	w := said(Reservation{Sale: s.name, State: "waiting", Claim: string(text), DrawsAt: &draws})
	w.status, w.retry = fasthttp.StatusAccepted, fmt.Append(nil, secondsUntil(s.StoreTime(), h.DrawsAt()))
	return w
}

// secondsUntil is whole seconds from now on, at least one.
func secondsUntil(now, then int64) int64 { return max((then-now+999_999)/1_000_000, 1) }

// sendStub tells of a lot: as send tells of a reservation.
func (f *frame) sendStub(ctx *fasthttp.RequestCtx, signer *token.Signer, sale *Sale, b luascripts.Buyer, draws int64) {
	var room [512]byte
	text := append(append(room[:0], f.head...), sale.name...)
	text = append(text, `","claim":"`...)
	text = signer.AppendStub(text, token.Stub{Birth: sale.birth, Buyer: b})
	text = append(text, `","draws_at":"`...)
	text = time.UnixMicro(draws).UTC().AppendFormat(text, time.RFC3339Nano)
	text = append(text, f.tail...)
	ctx.Response.SetStatusCode(f.status)
	ctx.Response.Header.SetContentTypeBytes(f.kind)
	ctx.Response.AppendBody(text)
	retryIn(ctx, secondsUntil(sale.StoreTime(), draws))
}

// retryIn sets Retry-After.
func retryIn(ctx *fasthttp.RequestCtx, seconds int64) {
	var room [20]byte
	ctx.Response.Header.SetCanonical(retryAfter, strconv.AppendInt(room[:0], seconds, 10))
}
