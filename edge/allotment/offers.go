package allotment

import (
	"encoding/binary"
	"errors"
	"slices"

	"spike/luascripts/ledger"
)

// An offer is a claim that becomes its buyer's only if the ledger binds it to the buyer's key. It takes two slots in a row. The
// key's slot is published first, so that an offer is never without its key.
//
// An offer stays in the Ring until the ledger has said whose it is: its key's, or nobody's. Mostly the buyer's own Deduct gets
// that answer. Otherwise the Keeper asks until it has the answer. An offer is never settled as a claim whose buyer was told.

// Offer is a claim, and the key that it is offered to.
type Offer struct {
	ledger.Claim
	Key ledger.IdempotencyKey
}

// keyRecord is a key in the form of a slot. The key takes the space of expiry and buyer, under the offer's fence and nonce.
func keyRecord(c ledger.Claim, key ledger.IdempotencyKey) ledger.Claim {
	c.Expiry = int64(binary.BigEndian.Uint64(key[:8]))
	copy(c.Buyer[:], key[8:])
	return c
}

func (r *record) key() (k ledger.IdempotencyKey) {
	binary.BigEndian.PutUint64(k[:8], uint64(r.Expiry))
	copy(k[8:], r.Buyer[:])
	return k
}

// Reply is what is known about an offer.
type Reply int

// The replies.
const (
	Unknown Reply = iota
	Bound         // it is its key's, or the ledger has taken it back
	Unbound       // the ledger did not take it
)

// The Keeper's numbers for offers.
const (
	askAfter  = 4 * linger // after the offer was read; its buyer hears sooner
	maxAsking = 16         // questions under way
)

// offering is an offer that was read.
type offering struct {
	Offer
	asking  bool
	foreign bool // the ledger takes only its return
	next    Instant
}

// TakeOffered is Take for a buyer with a key. The buyer must not be told before the ledger binds the claim to the key. The caller
// must pass the ledger's answer to Heard.
func (a *Allotment) TakeOffered(n uint32, buyer ledger.Buyer, k ledger.IdempotencyKey) (Sold, Outcome) {
	first, outcome := a.reserve(2)
	if outcome != Won {
		return Sold{}, outcome
	}
	p := first.next()
	s, kind, outcome := a.take(n, p)
	s.Buyer = buyer
	before := void
	if kind == claim {
		kind, before = offer, key
		a.offered.Store(s.Nonce, Unknown)
	}
	ok := first.publish(before, keyRecord(s.Claim, k))
	if ok = p.publish(kind, s.Claim) && ok; !ok {
		s, outcome = Sold{}, Full
	}
	a.wake()
	return s, outcome
}

// Heard tells the Keeper the ledger's answer about an offer.
func (a *Allotment) Heard(c ledger.Claim, what Reply) {
	if a.offered.CompareAndSwap(c.Nonce, Unknown, what) {
		a.wake()
	}
}

// heard is the ledger's answer about an offer. It is told once.
func (a *Allotment) heard(nonce uint64) Reply {
	for _, what := range [...]Reply{Bound, Unbound} {
		if a.offered.CompareAndDelete(nonce, what) {
			return what
		}
	}
	return Unknown
}

// hearOffers lets go of offers whose answer is known.
func (k *Keeper) hearOffers() {
	before := len(k.claims.offers)
	k.claims.offers = slices.DeleteFunc(k.claims.offers, func(o *offering) bool {
		what := k.a.heard(o.Nonce)
		switch what {
		case Bound:
			k.resolved(o.Fence, unitsOf(o.Claim))
		case Unbound:
			k.returns.parts = append(k.returns.parts, ledger.Part{Fence: o.Fence, Range: unitsOf(o.Claim)})
		case Unknown:
		}
		return what != Unknown
	})
	if len(k.claims.offers) < before {
		k.freeAnswered()
	}
}

// freeAnswered frees all read slots, once the ledger has answered for all that was read.
func (k *Keeper) freeAnswered() {
	if len(k.claims.batch) == 0 && len(k.claims.offers) == 0 {
		k.a.ring.free()
		k.a.ring.prune()
	}
}

// OfferRequest asks about an offer, or takes it back.
type OfferRequest struct {
	Deduct ledger.DeductRequest
	Return bool
}

// askOffers returns the questions that are due.
func (k *Keeper) askOffers() (calls []any) {
	asking := 0
	for _, o := range k.claims.offers {
		if o.asking {
			asking++
		}
	}
	for _, o := range k.claims.offers {
		if asking < maxAsking && !o.asking && !k.now.Before(o.next) {
			o.asking = true
			asking++
			calls = append(calls, OfferRequest{DeductOffer(k.view.Birth, o.Offer), o.foreign})
		}
	}
	return calls
}

// DeductOffer is the call that binds an offer to its key. Buyer and Keeper make the same call.
func DeductOffer(birth uint64, o Offer) ledger.DeductRequest {
	return ledger.DeductRequest{Party: ledger.Party{Birth: birth}, N: o.Count, Nonce: o.Nonce, Buyer: o.Buyer, Key: o.Key,
		Offer: o.Claim}
}

// offerAnswered takes the ledger's answer about an offer.
func (k *Keeper) offerAnswered(e Answer, q OfferRequest) {
	for _, o := range k.claims.offers {
		if o.Claim == q.Deduct.Offer {
			o.asking, o.next, o.foreign = false, k.now.Add(retryFirst), errors.Is(e.Err, ledger.ErrForeign)
		}
	}
	if e.Err == nil {
		k.a.Heard(q.Deduct.Offer, Came(e.Reply))
	}
	k.hearOffers()
}

// Came is the Reply in an answer about an offer.
func Came(reply any) Reply {
	if r, ok := reply.(ledger.DeductReply); ok && (r.Answer == ledger.Unavailable || r.Answer == ledger.OverLimit) {
		return Unbound
	}
	return Bound
}
