package buy

import (
	"errors"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// Only the ledger can decide a buy under an idempotency key, or in a sale with a limit per buyer. One script checks key and limit
// and takes the units, so a crash cannot leave one done without the others.

// fromLedger asks the ledger for units, whatever the verdict is, because a key may have won before. If the ledger has none free
// and this edge has some on lease, the buy offers those to the ledger.
func (a *attempt) fromLedger() (Decision, Way) {
	switch {
	case a.sale.Limit > 0 && a.q.Buyer == ledger.Buyer{}:
		return Decision{Outcome: NoBuyer}, Decided
	case a.sale.Forbids(a.q.N) && !a.q.keyed(): // only the ledger knows the first answer under a key
		return Decision{Outcome: TooMuch}, Decided
	}
	if d, way, decided := a.byLot(a.sale.View()); decided {
		return d, way
	}
	w := a.waiter()
	offer := ledger.Claim{}
	for waits := true; waits; {
		changed := a.sale.Changed()
		reply, err := a.ask(offer)
		if err != nil || reply.Answer != ledger.Unavailable {
			return a.deducted(reply, err)
		}
		if d, way, decided := a.byLot(reply.Head); decided { // the draw was after this edge's last look
			return d, way
		}
		if a.sale.Limit > 0 || reply.State != ledger.Open || reply.Final() {
			a.sale.ReportUnmet(a.q.N) // the Keeper looks, and then this edge answers the next buyer by itself
			return a.deducted(reply, nil)
		}
		var got allotment.Outcome
		if offer, got = a.offer(); got == allotment.Won || got == allotment.Again {
			continue
		}
		if got == allotment.Full {
			if on, _ := w.wantsRoom(a.sale); !on {
				return Decision{}, Decided
			}
		}
		if got == allotment.Empty && (a.q.N > 1 || a.sale.Verdict().Barring() != nil) {
			return a.deducted(reply, nil)
		}
		a.sale.ReportUnmet(a.q.N)
		waits = w.pass(changed)
	}
	return Decision{}, Decided
}

// ifRepeat asks the ledger only if the buy may be a repeat: its key may have an answer, or its buyer may have won within a limit.
func (a *attempt) ifRepeat() (Decision, Way) {
	v := a.sale.Verdict()
	switch {
	case !v.NothingLeft():
		return Decision{}, Again
	case a.sale.LookForAnswers(v) != nil || a.sale.MayHaveAnswer(a.q.Key, a.q.Buyer):
		return a.fromLedger()
	}
	return a.onVerdict(v)
}

// offer takes units that this edge has on lease, for the ledger to bind to the key.
func (a *attempt) offer() (ledger.Claim, allotment.Outcome) {
	sold, got := a.sale.TakeOffered(a.q.N, a.q.Buyer, a.q.Key)
	switch {
	case got == allotment.Won:
		return sold.Claim, got
	case got == allotment.Empty && a.q.N > 1:
		a.sale.ReportFragmented()
	}
	return ledger.Claim{}, got
}

// ask is one Deduct. If the fate of its offer stays unknown, the Keeper asks until it knows.
func (a *attempt) ask(offer ledger.Claim) (ledger.DeductReply, error) {
	reply, err := a.sale.Deduct(a.asked(offer))
	if err == nil && offer.Count > 0 {
		a.sale.Heard(offer, allotment.Came(reply))
	}
	return reply, err
}

// asked is this buy's request to the ledger.
func (a *attempt) asked(offer ledger.Claim) ledger.DeductRequest {
	return ledger.DeductRequest{N: a.q.N, Nonce: newNonce(), Buyer: a.q.Buyer, Key: a.q.Key, Offer: offer}
}

// deducted is what the answer of a Deduct means for its buyer.
func (a *attempt) deducted(reply ledger.DeductReply, err error) (Decision, Way) {
	switch {
	case errors.Is(err, ledger.ErrForeign), errors.Is(err, ledger.ErrBadSale):
		return Decision{Outcome: Refused, Why: err.Error()}, Decided
	case errors.Is(err, ledger.ErrNoSale), errors.Is(err, ledger.ErrBirth):
		return Decision{}, Stale
	case errors.Is(err, ledger.ErrNoBuyer):
		return Decision{Outcome: NoBuyer}, Decided
	case err != nil:
		return Decision{}, Decided
	}
	sold := allotment.Sold{Claim: reply.Claim, Until: reply.Until, Left: reply.Until - reply.Raw}
	switch reply.Answer {
	case ledger.Granted:
		return won(sold), Decided
	case ledger.OverLimit:
		if a.sale.Forbids(a.q.N) {
			return Decision{Outcome: TooMuch}, Decided
		}
		return Decision{Outcome: OverLimit, Sold: sold}, Decided
	case ledger.KeyUsed:
		return Decision{Outcome: KeyUsed}, Decided
	case ledger.Unavailable:
	}
	return a.onVerdict(shortage(reply.Head))
}

// shortage is the verdict in a Deduct's answer that found too few units.
func shortage(h ledger.Head) *allotment.Verdict {
	if v := allotment.Door(h); v != nil {
		return v
	}
	if h.Final() {
		return &allotment.Verdict{Reason: allotment.SoldOut}
	}
	return &allotment.Verdict{Reason: allotment.NoneNow}
}
