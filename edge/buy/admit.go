package buy

import (
	"spike/edge/allotment"
	"spike/edge/sales"
	"spike/luascripts/ledger"
)

// Way is how a buy goes on after Admit.
type Way uint8

// The ways.
const (
	Decided Way = iota // the Decision stands
	Stale              // the sale has ended here
	Take               // units may be here
	Lease              // the buy waits for a lease
	Ledger             // the ledger decides
	Repeat             // the ledger decides, if the buy may be a repeat
	Enter              // the buyer enters the draw of Decision.At
	Again              // the verdict has changed: call Admit again
)

// Admit decides a buy without a call if it can. Otherwise it returns the Way on. v is the sale's verdict.
func Admit(v *allotment.Verdict, sale *sales.Sale, q *Request) (Decision, Way) {
	switch {
	case q.keyed() && v.NothingLeft():
		return repeated(v, sale, q)
	case q.keyed() && (v == nil || v.Reason != allotment.Unopened && v.Reason != allotment.Drawing):
		return Decision{}, Ledger // since the sale has opened, this key may have won before
	case v == nil:
		return Decision{}, wayTo(sale)
	case v.Reason != allotment.Lots:
		return onVerdict(v, sale, q)
	case lotFor(sale, q): // a unit may be kept for the buyer; asking for it may wait
		return Decision{}, slowWayTo(sale)
	case v.Others != nil:
		return onVerdict(v.Others, sale, q)
	}
	return Decision{}, wayTo(sale)
}

// repeated admits a buy under a key while nothing is left. Only the ledger knows the answer that the key may have got.
func repeated(v *allotment.Verdict, sale *sales.Sale, q *Request) (Decision, Way) {
	switch {
	case !sale.AnswersAreFinal(v):
		return Decision{}, Repeat
	case sale.MayHaveAnswer(q.Key, q.Buyer):
		return Decision{}, Ledger
	}
	return onVerdict(v, sale, q)
}

// lotFor is mayHaveLot by the newest view of the sale.
//
//go:noinline
func lotFor(sale *sales.Sale, q *Request) bool { return mayHaveLot(sale.View(), q) }

// wayTo is the Way to units of a sale that may have some here.
func wayTo(sale *sales.Sale) Way {
	if sale.AcksBeforeLedger {
		return Take
	}
	return slowWayTo(sale)
}

// slowWayTo is the Way of a buy that found no unit here.
func slowWayTo(sale *sales.Sale) Way {
	if sale.Limit > 0 {
		return Ledger
	}
	return Lease
}

var outcomes = [allotment.Reasons]Outcome{allotment.SoldOut: SoldOut, allotment.NoneNow: NoneNow, allotment.Paused: Paused,
	allotment.Unopened: Unopened, allotment.Closed: Closed, allotment.Refused: Refused}

// onVerdict is what a verdict means for a buyer for whom no unit is kept.
func onVerdict(v *allotment.Verdict, sale *sales.Sale, q *Request) (Decision, Way) {
	switch v.Reason {
	case allotment.Gone:
		return Decision{}, Stale
	case allotment.Drawing:
		return admitToDraw(v.Draws, sale, q)
	default:
		return Decision{Outcome: outcomes[v.Reason], At: v.Opens, Why: v.Why}, Decided
	}
}

// admitToDraw admits a buy while buyers enter the draw. A buyer that this edge has entered before needs no call.
func admitToDraw(draws int64, sale *sales.Sale, q *Request) (Decision, Way) {
	switch {
	case q.N != 1:
		return Decision{Outcome: OneTicket}, Decided
	case q.Buyer == ledger.Buyer{}:
		return Decision{Outcome: NoBuyer}, Decided
	case sale.Entrants.Has(q.Buyer, sale.View().Era):
		return entered(q, draws), Decided
	}
	return Decision{At: draws}, Enter
}

// mayHaveLot says whether a unit may be kept for this buyer. If it is false, no call is needed.
func mayHaveLot(h ledger.Head, q *Request) bool {
	return h.Lots.Kept > 0 && q.N == 1 && q.Buyer != ledger.Buyer{} && h.MayHaveLot(q.Buyer)
}
