package allotment

import (
	"errors"

	"spike/luascripts"
	"spike/shard"
)

// An offer is in the Ring until the ledger has said whose it is: its key's, or nobody's. Mostly the buyer's own Deduct
// hears that; where none does, the Keeper asks, for as long as it must. It is never settled as a claim that was told.

// Reply is what is known of an offer.
type Reply int

// What is known of an offer.
const (
	Unknown Reply = iota
	Bound         // it is its key's, or was taken back in the ledger
	Unbound       // the ledger did not have it
)

// The Keeper's numbers for offers.
const (
	askAfter  = 4 * linger // since the offer was read: its buyer hears sooner
	maxAsking = 16         // at once
)

// offering is an offer that was read.
type offering struct {
	Offer
	asking  bool
	foreign bool // the ledger takes nothing but its return
	next    Instant
}

// TakeOffered is Take for a buyer with a key: nobody is told before the ledger binds the claim to the key. Whoever hears
// what became of it says so: Heard.
func (a *Allotment) TakeOffered(n uint32, buyer luascripts.Buyer, k luascripts.IdempotencyKey) (Sold, Outcome) {
	if a.stock.Empty() {
		return Sold{}, Empty
	}
	first, p, ok := a.ring.reserveTwo()
	if !ok {
		return Sold{}, a.noSlot()
	}
	s, kind, outcome := a.take(n, p)
	s.Buyer = buyer
	before := void
	if kind == claim {
		kind, before = offer, key
		a.mu.Lock()
		a.offered[s.Nonce] = Unknown
		a.mu.Unlock()
	}
	ok = first.publish(before, keyRecord(s.Claim, k))
	if ok = p.publish(kind, s.Claim) && ok; !ok {
		s, outcome = Sold{}, Full
	}
	a.wake()
	return s, outcome
}

// Heard tells the Keeper what became of an offer.
func (a *Allotment) Heard(c luascripts.Claim, what Reply) {
	a.mu.Lock()
	_, waits := a.offered[c.Nonce]
	if waits {
		a.offered[c.Nonce] = what
	}
	a.mu.Unlock()
	if waits {
		a.wake()
	}
}

func (a *Allotment) heard(nonce uint64) Reply {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.offered[nonce]
}

func (a *Allotment) forget(nonce uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.offered, nonce)
}

// hearOffers lets go of offers that somebody has heard of.
func (k *Keeper) hearOffers() {
	var rest []*offering
	for _, o := range k.claims.offers {
		switch k.a.heard(o.Nonce) {
		case Bound:
			k.a.forget(o.Nonce)
			k.resolved(o.Fence, o.units())
		case Unbound:
			k.a.forget(o.Nonce)
			k.returns.parts = append(k.returns.parts, luascripts.Part{Fence: o.Fence, Range: o.units()})
		case Unknown:
			rest = append(rest, o)
		}
	}
	done := len(rest) < len(k.claims.offers)
	k.claims.offers = rest
	if done {
		k.freeAnswered()
	}
}

func (o *offering) units() shard.Range { return shard.Range{Start: o.Serial, End: o.Serial + o.Count} }

// freeAnswered lets slots be used again once the ledger has answered for all that was read.
func (k *Keeper) freeAnswered() {
	if len(k.claims.batch) == 0 && len(k.claims.offers) == 0 {
		k.a.ring.free()
		k.a.ring.prune()
	}
}

// OfferRequest asks what became of an offer, or takes it back.
type OfferRequest struct {
	Deduct luascripts.DeductRequest
	Return bool
}

// askOffers is the questions that are due.
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

// DeductOffer is how an offer becomes its key's, whoever asks.
func DeductOffer(birth uint64, o Offer) luascripts.DeductRequest {
	return luascripts.DeductRequest{Party: luascripts.Party{Birth: birth}, N: o.Count, Nonce: o.Nonce, Buyer: o.Buyer, Key: o.Key,
		Offer: o.Claim}
}

// nextOffer is when the next question is due.
func (k *Keeper) nextOffer() (at Instant, due bool) {
	for _, o := range k.claims.offers {
		if !o.asking && (!due || o.next.Before(at)) {
			at, due = o.next, true
		}
	}
	return at, due
}

// offerAnswered takes in what the ledger says of an offer.
func (k *Keeper) offerAnswered(e Answer, q OfferRequest) {
	for _, o := range k.claims.offers {
		if o.Claim != q.Deduct.Offer {
			continue
		}
		o.asking = false
		o.next = k.now.Add(retryFirst)
		o.foreign = errors.Is(e.Err, luascripts.ErrForeign)
		if e.Err == nil {
			k.a.Heard(o.Claim, Came(e.Reply))
		}
	}
	k.hearOffers()
}

// Came is what a reply says of the offer that was asked about.
func Came(reply any) Reply {
	if r, ok := reply.(luascripts.DeductReply); ok && (r.Answer == luascripts.NotHad || r.Answer == luascripts.OverLimit) {
		return Unbound
	}
	return Bound
}
