package buy

import (
	"spike/edge/allotment"
	"spike/edge/sales"
	"spike/luascripts/ledger"
)

// The way of a buy in a sale whose first units go by lot: it enters the draw, its buyer asks what has become of it, and
// collects. None of this is on the way of any other sale's buys.

// enterDraw puts the buyer into the draw.
func (a *attempt) enterDraw(draws int64) (Decision, Way) {
	if !a.permit() {
		return Decision{}, Told
	}
	switch reply, err := a.sales.Enter(a.sale, a.q.Buyer, settleWait); {
	case err != nil && a.sale.MissedElsewhere(err):
		a.sale.Hear(allotment.News{Unsure: true})
		return Decision{}, Told
	case err != nil:
		return a.deducted(ledger.DeductReply{}, err)
	case reply.Entered:
		return entered(&a.q, draws), Told
	case reply.State == ledger.Open:
		return a.awaitDraw()
	case reply.State == ledger.Drawing: // no room, or a new era keeps the ledger from drawing
		return Decision{}, Told
	default:
		return a.hear(allotment.Door(reply.Head))
	}
}

// awaitDraw waits until this edge, too, knows that tickets are drawn.
func (a *attempt) awaitDraw() (Decision, Way) {
	a.sale.Hear(allotment.News{Unsure: true})
	w := a.waiter()
	defer w.end()
	for waits := true; waits; {
		changed := a.sale.Changed()
		if now := a.sale.Verdict(); now == nil || now.Reason != allotment.Drawing {
			return Decision{}, Again
		}
		waits = w.pass(changed)
	}
	return Decision{}, Told
}

// byLot gets the unit that was drawn for the buyer, if there is one. It is asked for once.
func (a *attempt) byLot(h ledger.Head) (d Decision, way Way, decided bool) {
	if a.lotAsk || !mayHaveLot(h, &a.q) {
		return Decision{}, Told, false
	}
	a.lotAsk = true
	reply, _, err := a.collect(false)
	if err == nil && reply.Answer == ledger.Unavailable {
		return Decision{}, Told, false
	}
	d, way = a.kept(reply, err)
	return d, way, true
}

// collect is one Deduct by lot, in its turn; fresh: the unit was not collected before.
func (a *attempt) collect(polls bool) (reply ledger.DeductReply, fresh bool, err error) {
	leave, ok := a.slot()
	if !ok {
		return reply, false, ledger.ErrDown
	}
	defer leave()
	q := a.asked(ledger.Claim{})
	q.ByLot, q.Ever = true, polls
	reply, err = a.deduct(q)
	return reply, err == nil && reply.Answer == ledger.Granted && reply.Claim.Nonce == q.Nonce, err
}

// Fate is what has become of a ticket.
type Fate uint8

// The fates.
const (
	NoTicket Fate = iota // the sale draws none
	Waiting              // for the draw, or, in a paused sale, for the collecting
	Drawn                // it is the claim's
	Lost                 //
	Expired              // it won, and was not collected in time
)

// Ticket is a ticket as it is.
type Ticket struct {
	Fate  Fate
	Claim ledger.Claim // Drawn
	Fresh bool         // Drawn: this look has collected it, and nobody was told before
	At    int64        // Waiting: for the draw of then, by the store's clock
}

// Look says what has become of a buyer's ticket, and collects what it has won. A loser needs no call: the seed is known by then.
func (s *Seller) Look(sale *sales.Sale, b ledger.Buyer) (Ticket, error) {
	h := sale.View()
	switch {
	case h.Lots.Window == 0:
		return Ticket{}, nil
	case h.Lots.Drawn > 0:
		sale.Entrants.Forget()
	default:
		if sale.StoreTime() >= h.DrawsAt() {
			sale.Hear(allotment.News{Unsure: true})
		}
		return Ticket{Fate: Waiting, At: h.DrawsAt()}, nil
	}
	if !h.MayHaveLot(b) {
		return Ticket{Fate: Lost}, nil
	}
	a := &attempt{Seller: s, sale: sale, q: Request{N: 1, Buyer: b}}
	defer a.end()
	if !a.permit() {
		return Ticket{}, ledger.ErrDown
	}
	reply, fresh, err := a.collect(true)
	if err != nil {
		return Ticket{}, err
	}
	return collected(reply, fresh), nil
}

// collected is what a ticket that may have won came to.
func collected(reply ledger.DeductReply, fresh bool) Ticket {
	kept := reply.Lots.Kept > 0
	switch {
	case reply.Answer == ledger.Granted:
		return Ticket{Fate: Drawn, Claim: reply.Claim, Fresh: fresh}
	case reply.Answer == ledger.OverLimit, // with other units, which it may cancel
		reply.Answer == ledger.Unavailable && kept && reply.State != ledger.Open && reply.State != ledger.Closed:
		return Ticket{Fate: Waiting, At: reply.DrawsAt()}
	case reply.Answer == ledger.Unavailable && (!kept || reply.State == ledger.Closed):
		return Ticket{Fate: Expired}
	}
	return Ticket{Fate: Lost}
}
