package buy

import (
	"context"
	"errors"
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// The way of a buy that only the ledger can decide: under an idempotency key, or in a sale with a limit per buyer. Key,
// limit and units are one script, so a crash between them burns nobody's right.

const boundWhile = 30 * time.Second // how long a key stands for its sale and n while it is being answered, at the least

// byKey binds the key and asks the ledger, whatever the verdict is: this buyer may have won already. When nobody can win any more
// the key need not be bound.
func (a *attempt) byKey() (Decision, Way) {
	switch err := a.keys.enter(a.q.Key); {
	case errors.Is(err, errInFlight):
		return Decision{Outcome: KeyInFlight}, Told
	case err != nil:
		return Decision{}, Told
	}
	defer a.keys.leave(a.q.Key)
	if !a.permit() {
		return Decision{}, Told
	}
	if v := a.sale.Verdict().Barring(); v != nil && (v.Reason == allotment.SoldOut || v.Reason == allotment.Closed) {
		return a.fromLedger()
	}
	switch err := a.bind(boundWhile); {
	case errors.Is(err, ledger.ErrKeyUsed):
		return Decision{Outcome: KeyUsed}, Told
	case err != nil:
		return Decision{}, Told
	}
	return a.fromLedger()
}

func (a *attempt) bind(keep time.Duration) error {
	leave, ok := a.slot()
	if !ok {
		return ledger.ErrDown
	}
	defer leave()
	return a.store.BindKey(a.life, a.q.Key, a.sale.Name, a.q.N, keep)
}

// slot waits for one of the few slots of those who ask the store.
func (a *attempt) slot() (leave func(), ok bool) {
	return a.sale.Slot(a.life, a.q.keyed(), maxPatience*patience)
}

// fromLedger gets units through the ledger alone. Where it has none free, but this edge has some on lease, one of those is
// offered to it.
func (a *attempt) fromLedger() (Decision, Way) {
	switch {
	case !a.permit():
		return Decision{}, Told
	case a.sale.Limit > 0 && a.q.Buyer == ledger.Buyer{}:
		return Decision{Outcome: NoBuyer}, Told
	case a.sale.Forbids(a.q.N) && !a.q.keyed(): // what a key was told only the ledger knows
		return Decision{Outcome: TooMuch}, Told
	}
	if d, way, decided := a.byLot(a.sale.View()); decided {
		return d, way
	}
	w := a.waiter()
	defer w.end()
	offer := ledger.Claim{}
	for waits := true; waits; {
		changed := a.sale.Changed()
		reply, err := a.ask(offer)
		if err != nil || reply.Answer != ledger.Unavailable {
			return a.kept(reply, err)
		}
		if d, way, decided := a.byLot(reply.Head); decided { // drawn since this edge looked
			return d, way
		}
		if a.sale.Limit > 0 || reply.State != ledger.Open || reply.Final() {
			a.sale.Hungry(a.q.N) // the Keeper looks, and the next hears it from us
			return a.deducted(reply, nil)
		}
		var got allotment.Outcome
		if offer, got = a.offer(); got == allotment.Won || got == allotment.Again {
			continue
		}
		if got == allotment.Full && !w.wantsRoom(a.sale) {
			return Decision{}, Told
		}
		if got == allotment.Empty && (a.q.N > 1 || a.sale.Verdict().Barring() != nil) {
			return a.deducted(reply, nil)
		}
		a.sale.Hungry(a.q.N)
		waits = w.pass(changed)
	}
	return Decision{}, Told
}

// offer takes units that this edge has on lease, for the ledger to bind to the key.
func (a *attempt) offer() (ledger.Claim, allotment.Outcome) {
	sold, got := a.sale.TakeOffered(a.q.N, a.q.Buyer, a.q.Key)
	switch {
	case got == allotment.Won:
		return sold.Claim, got
	case got == allotment.Empty && a.q.N > 1:
		a.sale.Scraps()
	}
	return ledger.Claim{}, got
}

// ask is one Deduct, in its turn. An offer of which nobody knows what became is the Keeper's: it asks until it knows.
func (a *attempt) ask(offer ledger.Claim) (ledger.DeductReply, error) {
	leave, ok := a.slot()
	if !ok {
		return ledger.DeductReply{}, ledger.ErrDown
	}
	defer leave()
	reply, err := a.deduct(a.asked(offer))
	if err == nil && offer.Count > 0 {
		a.sale.Heard(offer, allotment.Came(reply))
	}
	return reply, err
}

// asked is what this buy asks of the ledger, but for nonce and time.
func (a *attempt) asked(offer ledger.Claim) *ledger.DeductRequest {
	return &ledger.DeductRequest{Party: ledger.Party{Birth: a.sale.Birth}, N: a.q.N, Buyer: a.q.Buyer, Key: a.q.Key, Offer: offer}
}

// deduct is one Deduct. If it came too late by the store's clock, ours was wrong: it is put right, and the Deduct made again.
func (a *attempt) deduct(q *ledger.DeductRequest) (ledger.DeductReply, error) {
	for again := false; ; again = true {
		q.Nonce, q.Latest = newNonce(), a.sale.StoreTime()+ledger.Timeout.Microseconds()
		reply, err := a.store.Deduct(context.WithoutCancel(a.life), a.sale.Name, *q)
		var no *ledger.Refusal
		switch {
		case !errors.As(err, &no):
			return reply, err
		case errors.Is(err, ledger.ErrLate) && !again:
			a.sale.SetStoreTime(no.At)
		case a.sale.MissedElsewhere(no):
			a.sale.Hear(allotment.News{Unsure: true})
			return reply, ledger.ErrDown
		default:
			return reply, err
		}
	}
}

// kept is a decided answer. A key that won is bound for as long as the ledger keeps its answer; if that fails, for less.
func (a *attempt) kept(reply ledger.DeductReply, err error) (Decision, Way) {
	if a.q.keyed() && err == nil && reply.Answer == ledger.Granted {
		_ = a.bind(time.Duration(reply.Hold)*time.Microsecond + a.keep)
	}
	d, way := a.deducted(reply, err)
	if d.Outcome == OverLimit && a.sale.Forbids(a.q.N) {
		return Decision{Outcome: TooMuch}, Told
	}
	return d, way
}

// deducted is what a Deduct's answer means for its buyer.
func (a *attempt) deducted(reply ledger.DeductReply, err error) (Decision, Way) {
	switch {
	case errors.Is(err, ledger.ErrForeign), errors.Is(err, ledger.ErrBadSale):
		return Decision{Outcome: Refused, Why: err.Error()}, Told
	case errors.Is(err, ledger.ErrNoSale), errors.Is(err, ledger.ErrBirth):
		return Decision{}, Stale
	case errors.Is(err, ledger.ErrNoBuyer):
		return Decision{Outcome: NoBuyer}, Told
	case err != nil:
		return Decision{}, Told
	}
	sold := allotment.Sold{Claim: reply.Claim, Until: reply.Until}
	switch reply.Answer {
	case ledger.Granted:
		return won(sold), Told
	case ledger.OverLimit:
		return Decision{Outcome: OverLimit, Sold: sold}, Told
	case ledger.KeyUsed:
		return Decision{Outcome: KeyUsed}, Told
	case ledger.Unavailable:
	}
	return a.hear(shortage(reply.Head))
}

// shortage is what a Deduct that found too little says.
func shortage(h ledger.Head) *allotment.Verdict {
	if v := allotment.Door(h); v != nil {
		return v
	}
	if h.Final() {
		return &allotment.Verdict{Reason: allotment.SoldOut}
	}
	return &allotment.Verdict{Reason: allotment.NoneNow}
}
