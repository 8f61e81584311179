package buy

import (
	"spike/edge/allotment"
	"spike/edge/sales"
	"spike/luascripts/ledger"
)

// In a sale whose first units go by lot, a buyer enters the draw, asks what has become of its ticket, and collects its unit. Buys
// of other sales pass through nothing of this.

// enterDraw puts the buyer into the draw.
func (a *attempt) enterDraw(draws int64) (Decision, Way) {
	switch reply, err := a.sale.Enter(a.q.Buyer); {
	case err != nil && a.sale.MissedElsewhere(err):
		a.sale.Hear(allotment.News{Unsure: true})
		return Decision{}, Decided
	case err != nil:
		return a.deducted(ledger.DeductReply{}, err)
	case reply.Entered:
		return entered(&a.q, draws), Decided
	case reply.State == ledger.Open:
		return a.awaitDraw()
	case reply.State == ledger.Drawing: // the draw is full, or a new era keeps the ledger from drawing
		return Decision{}, Decided
	default:
		return a.onVerdict(allotment.Door(reply.Head))
	}
}

// awaitDraw waits until this edge knows, too, that the draw is over.
func (a *attempt) awaitDraw() (Decision, Way) {
	a.sale.Hear(allotment.News{Unsure: true})
	w := a.waiter()
	for waits := true; waits; {
		changed := a.sale.Changed()
		if now := a.sale.Verdict(); now == nil || now.Reason != allotment.Drawing {
			return Decision{}, Again
		}
		waits = w.pass(changed)
	}
	return Decision{}, Decided
}

// byLot collects the unit that is kept for the buyer, if there is one. A buy tries this once.
func (a *attempt) byLot(h ledger.Head) (d Decision, way Way, decided bool) {
	if a.lotAsked || !mayHaveLot(h, &a.q) {
		return Decision{}, Decided, false
	}
	a.lotAsked = true
	reply, _, err := a.collect(false)
	if err == nil && reply.Answer == ledger.Unavailable {
		return Decision{}, Decided, false
	}
	d, way = a.deducted(reply, err)
	return d, way, true
}

// collect is one Deduct by lot. fresh says that the unit was not collected before.
func (a *attempt) collect(polls bool) (reply ledger.DeductReply, fresh bool, err error) {
	q := a.asked(ledger.Claim{})
	q.ByLot, q.Ever = true, polls
	reply, err = a.sale.Deduct(q)
	return reply, err == nil && reply.Answer == ledger.Granted && reply.Claim.Nonce == q.Nonce, err
}

// Fate is what has become of a ticket.
type Fate uint8

// The fates.
const (
	NoTicket Fate = iota // the sale has no draw
	Waiting              // for the draw, or until a paused sale goes on
	Drawn                // it has won Ticket.Claim
	Lost                 //
	Expired              // it has won, and its unit was not collected in time
)

// Ticket is what has become of a ticket.
type Ticket struct {
	Fate  Fate
	Claim ledger.Claim // Drawn
	Fresh bool         // Drawn: this look has collected it, so nobody was told before
	At    int64        // Waiting: the time of the draw, by the store's clock, Unix microseconds
}

// Look says what has become of a buyer's ticket, and collects the unit that it has won. A loser needs no call, because this edge
// knows the seed after the draw.
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
	if !sale.Wait() {
		return Ticket{}, ledger.ErrDown
	}
	defer sale.Unwait()
	a := &attempt{Seller: s, sale: sale, q: Request{N: 1, Buyer: b}}
	reply, fresh, err := a.collect(true)
	if err != nil {
		return Ticket{}, err
	}
	return collected(reply, fresh), nil
}

// collected is what has become of a ticket that may have won.
func collected(reply ledger.DeductReply, fresh bool) Ticket {
	kept := reply.Lots.Kept > 0
	switch {
	case reply.Answer == ledger.Granted:
		return Ticket{Fate: Drawn, Claim: reply.Claim, Fresh: fresh}
	case reply.Answer == ledger.OverLimit, // because of other units, which the buyer may cancel
		reply.Answer == ledger.Unavailable && kept && reply.State != ledger.Open && reply.State != ledger.Closed:
		return Ticket{Fate: Waiting, At: reply.DrawsAt()}
	case reply.Answer == ledger.Unavailable && (!kept || reply.State == ledger.Closed):
		return Ticket{Fate: Expired}
	}
	return Ticket{Fate: Lost}
}
