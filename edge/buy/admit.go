package buy

import (
	"spike/edge/allotment"
	"spike/edge/sales"
	"spike/luascripts/ledger"
)

// Way is how a buy goes on.
type Way uint8

// The ways.
const (
	Told   Way = iota // the Decision stands
	Take              // units may be here
	Lease             // it waits for a lease
	Ledger            // the ledger decides
	Keyed             // the ledger decides, and a key is bound first
	Enter             // into the draw of Decision.At
	Again             // what Admit saw has changed
	Stale             // the sale has ended here
)

// Admit says what a buy comes to, as far as that follows from what is known here, and how it goes on. v is the sale's verdict.
func Admit(v *allotment.Verdict, sale *sales.Sale, q *Request) (Decision, Way) {
	switch {
	case q.keyed() && (v == nil || v.Reason != allotment.Unopened && v.Reason != allotment.Drawing):
		return Decision{}, Keyed // this buyer may have won already, unless nobody can have
	case v == nil:
		return Decision{}, wayTo(sale)
	case v.Reason != allotment.Lots:
		return hear(v, sale, q)
	case lotFor(sale, q): // asked for where it may wait
		return Decision{}, slowWayTo(sale)
	case v.Others != nil:
		return hear(v.Others, sale, q)
	}
	return Decision{}, wayTo(sale)
}

// lotFor is mayHaveLot by the newest view of the sale.
//
//go:noinline
func lotFor(sale *sales.Sale, q *Request) bool { return mayHaveLot(sale.View(), q) }

// wayTo is the way to units of a sale that has some.
func wayTo(sale *sales.Sale) Way {
	if sale.AcksBeforeLedger {
		return Take
	}
	return slowWayTo(sale)
}

// slowWayTo is wayTo for a buy that found nothing here.
func slowWayTo(sale *sales.Sale) Way {
	if sale.Limit > 0 {
		return Ledger
	}
	return Lease
}

var outcomes = [allotment.Reasons]Outcome{allotment.SoldOut: SoldOut, allotment.NoneNow: NoneNow, allotment.Paused: Paused,
	allotment.Unopened: Unopened, allotment.Closed: Closed, allotment.Refused: Refused}

// hear is what a verdict means for a buyer for whom no unit is kept.
func hear(v *allotment.Verdict, sale *sales.Sale, q *Request) (Decision, Way) {
	switch v.Reason {
	case allotment.Gone:
		return Decision{}, Stale
	case allotment.Drawing:
		return admitToDraw(v.Draws, sale, q)
	default:
		return Decision{Outcome: outcomes[v.Reason], At: v.Opens, Why: v.Why}, Told
	}
}

// admitToDraw answers a buy while the window is open: from the buyers this edge has entered before, no call.
func admitToDraw(draws int64, sale *sales.Sale, q *Request) (Decision, Way) {
	switch {
	case q.N != 1:
		return Decision{Outcome: OneTicket}, Told
	case q.Buyer == ledger.Buyer{}:
		return Decision{Outcome: NoBuyer}, Told
	case sale.Entrants.Has(q.Buyer, sale.View().Era):
		return entered(q, draws), Told
	}
	return Decision{At: draws}, Enter
}

// mayHaveLot says whether a unit may be kept for this buyer: that is worth a call, and of a hundred buyers one has it.
func mayHaveLot(h ledger.Head, q *Request) bool {
	return h.Lots.Kept > 0 && q.N == 1 && q.Buyer != ledger.Buyer{} && h.MayHaveLot(q.Buyer)
}
