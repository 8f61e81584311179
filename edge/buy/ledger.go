package buy

import (
	"context"
	"errors"
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// Only the ledger can decide a buy under an idempotency key, or in a sale with a limit per buyer. One script checks key and limit
// and takes the units, so a crash cannot leave one done without the others.

const boundWhile = 30 * time.Second // a key is bound to its sale and n for at least so long while its buy is decided

// byKey binds the key and asks the ledger, whatever the verdict is, because this buyer may have won before. If nobody can win any
// more, the key need not be bound.
func (a *attempt) byKey() (Decision, Way) {
	switch err := a.keys.enter(a.q.Key); {
	case errors.Is(err, errInFlight):
		return Decision{Outcome: KeyInFlight}, Decided
	case err != nil:
		return Decision{}, Decided
	}
	defer a.keys.leave(a.q.Key)
	if !a.permit() {
		return Decision{}, Decided
	}
	if v := a.sale.Verdict().Barring(); v != nil && (v.Reason == allotment.SoldOut || v.Reason == allotment.Closed) {
		return a.fromLedger()
	}
	switch err := a.bind(boundWhile); {
	case errors.Is(err, ledger.ErrKeyUsed):
		return Decision{Outcome: KeyUsed}, Decided
	case err != nil:
		return Decision{}, Decided
	}
	return a.fromLedger()
}

func (a *attempt) bind(keep time.Duration) error {
	leave, ok := a.mayCall()
	if !ok {
		return ledger.ErrDown
	}
	defer leave()
	return a.store.BindKey(a.life, a.q.Key, a.sale.Name, a.q.N, keep)
}

// mayCall waits until this buy may call the store. Few buys of a sale may call at a time.
func (a *attempt) mayCall() (leave func(), ok bool) {
	return a.sale.AcquireCall(a.life, a.q.keyed(), maxPatience*patience)
}

// fromLedger asks the ledger for units. If the ledger has none free and this edge has some on lease, the buy offers those to the
// ledger.
func (a *attempt) fromLedger() (Decision, Way) {
	switch {
	case !a.permit():
		return Decision{}, Decided
	case a.sale.Limit > 0 && a.q.Buyer == ledger.Buyer{}:
		return Decision{Outcome: NoBuyer}, Decided
	case a.sale.Forbids(a.q.N) && !a.q.keyed(): // only the ledger knows the first answer under a key
		return Decision{Outcome: TooMuch}, Decided
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
			return a.conclude(reply, err)
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
		if got == allotment.Full && !w.wantsRoom(a.sale) {
			return Decision{}, Decided
		}
		if got == allotment.Empty && (a.q.N > 1 || a.sale.Verdict().Barring() != nil) {
			return a.deducted(reply, nil)
		}
		a.sale.ReportUnmet(a.q.N)
		waits = w.pass(changed)
	}
	return Decision{}, Decided
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
	leave, ok := a.mayCall()
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

// asked is this buy's request to the ledger, without nonce and time.
func (a *attempt) asked(offer ledger.Claim) *ledger.DeductRequest {
	return &ledger.DeductRequest{Party: ledger.Party{Birth: a.sale.Birth}, N: a.q.N, Buyer: a.q.Buyer, Key: a.q.Key, Offer: offer}
}

// deduct makes one Deduct. If the ledger says that it came too late, this edge's idea of the store's clock was wrong. Then deduct
// corrects the idea, and tries once more.
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

// conclude turns the ledger's answer into the Decision. If a key has won, it stays bound for as long as the ledger keeps its
// answer, or for less if that binding fails.
func (a *attempt) conclude(reply ledger.DeductReply, err error) (Decision, Way) {
	if a.q.keyed() && err == nil && reply.Answer == ledger.Granted {
		_ = a.bind(time.Duration(reply.Hold)*time.Microsecond + a.keep)
	}
	d, way := a.deducted(reply, err)
	if d.Outcome == OverLimit && a.sale.Forbids(a.q.N) {
		return Decision{Outcome: TooMuch}, Decided
	}
	return d, way
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
	sold := allotment.Sold{Claim: reply.Claim, Until: reply.Until}
	switch reply.Answer {
	case ledger.Granted:
		return won(sold), Decided
	case ledger.OverLimit:
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
