package oracle

import (
	"context"
	"errors"
	"time"

	"github.com/valyala/fasthttp"

	"spike/edge/allotment"
	"spike/luascripts"
)

// The way of a buy that only the ledger can decide: under an idempotency key, or in a sale with a limit per buyer. Key,
// limit and units are one script, so a crash between them burns nobody's right. It may wait.

const (
	boundWhile = 30 * time.Second // how long a key stands for its sale and n while it is being answered, at the least
)

// buyByKey answers a buy whose answer must be the same each time. It asks the ledger whatever the verdict is: this buyer
// may have won already, unless nobody can have. When nobody can win any more the key need not be bound.
func (s *Server) buyByKey(ctx *fasthttp.RequestCtx, sale *Sale, r *request) {
	if v := sale.Verdict(); v != nil && (v.Reason == allotment.Unopened || v.Reason == allotment.Drawing) {
		s.refuse(ctx, sale, v, r)
		return
	}
	s.tell(ctx, sale, s.byKey(sale, r), r)
}

// byKey binds the key and settles.
func (s *Server) byKey(sale *Sale, r *request) result {
	switch err := s.inFlight.enter(r.key); {
	case errors.Is(err, ErrInFlight):
		return result{outcome: keyInFlight}
	case err != nil:
		return denied(busy)
	}
	defer s.inFlight.leave(r.key)
	mine, ok := sale.queue(r)
	if !ok {
		return denied(busy)
	}
	defer sale.unqueue(mine)
	if v := sale.Verdict().Barring(); v != nil && (v.Reason == allotment.SoldOut || v.Reason == allotment.Closed) {
		return s.settle(sale, r)
	}
	switch err := s.bind(sale, r, boundWhile); {
	case errors.Is(err, luascripts.ErrKeyUsed):
		return result{outcome: keyUsed}
	case err != nil:
		return denied(busy)
	}
	return s.settle(sale, r)
}

func (s *Server) bind(sale *Sale, r *request, keep time.Duration) error {
	leave, ok := sale.place(s.life, r)
	if !ok {
		return luascripts.ErrDown
	}
	defer leave()
	return s.store.BindKey(s.life, r.key, sale.name, r.n, keep)
}

// settle gets units through the ledger alone. Where it has none free, but this edge has some on lease, one of those is
// offered to it.
func (s *Server) settle(sale *Sale, r *request) result {
	if sale.limit > 0 && r.buyer == (luascripts.Buyer{}) {
		return result{outcome: noBuyer}
	}
	if sale.forbids(r.n) && !r.keyed() { // what a key was told only the ledger knows
		return result{outcome: tooMuch}
	}
	if came, decided := s.lot(sale, sale.View(), r); decided {
		return came
	}
	v := s.vigil()
	defer v.end()
	offer := luascripts.Claim{}
	for waits := true; waits; {
		changed := sale.Changed()
		reply, err := s.ask(sale, r, offer)
		if err != nil || reply.Answer != luascripts.NotHad {
			return s.kept(sale, r, reply, err)
		}
		if came, decided := s.lot(sale, reply.Head, r); decided { // drawn since this edge looked
			return came
		}
		if sale.limit > 0 || reply.State != luascripts.Open || reply.Final() {
			sale.Hungry(r.n) // the Keeper looks, and the next hears it from us
			return deducted(reply, nil)
		}
		sold, outcome := sale.TakeOffered(r.n, r.buyer, r.key)
		offer = luascripts.Claim{}
		switch outcome {
		case allotment.Won:
			offer = sold.Claim
			continue
		case allotment.Again:
			continue
		case allotment.Full:
			if !sale.Growing() {
				return denied(busy)
			}
			sale.Hungry(r.n)
			waits = v.pass(changed)
			continue
		case allotment.Empty:
		}
		if r.n > 1 {
			sale.Scraps()
		}
		if r.n > 1 || sale.Verdict().Barring() != nil {
			return deducted(reply, nil)
		}
		sale.Hungry(r.n)
		waits = v.pass(changed)
	}
	return denied(busy)
}

// ask is one Deduct, in its turn. An offer of which nobody knows what became is the Keeper's: it asks until it knows.
func (s *Server) ask(sale *Sale, r *request, offer luascripts.Claim) (luascripts.DeductReply, error) {
	leave, ok := sale.place(s.life, r)
	if !ok {
		return luascripts.DeductReply{}, luascripts.ErrDown
	}
	defer leave()
	reply, err := s.deductOnce(sale, r, offer)
	if err == nil && offer.Count > 0 {
		sale.Heard(offer, allotment.Came(reply))
	}
	return reply, err
}

// deductOnce is one Deduct. If it came too late by the store's clock, ours was wrong: it is put right, and the Deduct made
// again.
func (s *Server) deductOnce(sale *Sale, r *request, offer luascripts.Claim) (luascripts.DeductReply, error) {
	for again := false; ; again = true {
		q := luascripts.DeductRequest{Party: luascripts.Party{Birth: sale.birth}, N: r.n, Nonce: newNonce(), Buyer: r.buyer,
			Key: r.key, Offer: offer, ByLot: r.byLot, Ever: r.polls, Latest: sale.StoreTime() + luascripts.Timeout.Microseconds()}
		r.nonce = q.Nonce
		reply, err := s.store.Deduct(context.WithoutCancel(s.life), sale.name, q)
		var no *luascripts.Refusal
		switch {
		case !errors.As(err, &no):
			return reply, err
		case errors.Is(err, luascripts.ErrLate) && !again:
			sale.SetStoreTime(no.At)
		case sale.missedElsewhere(no):
			sale.Hear(allotment.News{Unsure: true})
			return reply, luascripts.ErrDown
		default:
			return reply, err
		}
	}
}

// missedElsewhere says that a server of another history does not know the sale. It may be the wrong one: whether the sale is
// gone is the Keeper's to say.
func (s *Sale) missedElsewhere(no *luascripts.Refusal) bool {
	missing := errors.Is(no, luascripts.ErrNoSale) || errors.Is(no, luascripts.ErrBirth)
	return missing && no.Era != s.View().Era
}

// queue counts a buy among those that wait, if there is room; mine: it was not among them before, and whoever called takes
// it out again.
func (s *Sale) queue(r *request) (mine, ok bool) {
	if r.waits {
		return false, true
	}
	if s.waiting.Add(1) > maxWaiting {
		s.waiting.Add(-1)
		return false, false
	}
	r.waits = true
	return true, true
}

func (s *Sale) unqueue(mine bool) {
	if mine {
		s.waiting.Add(-1)
	}
}

// place waits for one of the few places at the store, and says how to leave it. Buys under a key have places of their own.
func (s *Sale) place(life context.Context, r *request) (leave func(), ok bool) {
	places := s.deducting
	if r.keyed() {
		places = s.asking
	}
	leave = func() { <-places }
	select {
	case places <- struct{}{}:
		return leave, true
	default:
	}
	late := time.NewTimer(maxPatience * patience)
	defer late.Stop()
	select {
	case places <- struct{}{}:
		return leave, true
	case <-late.C:
	case <-life.Done():
	}
	return nil, false
}

// kept is a decided answer. A key that won is bound for as long as the ledger keeps its answer; if that fails, for less.
func (s *Server) kept(sale *Sale, r *request, reply luascripts.DeductReply, err error) result {
	if r.keyed() && err == nil && reply.Answer == luascripts.Had {
		keep := time.Duration(reply.Hold)*time.Microsecond + s.cfg.Bounds.Keep
		_ = s.bind(sale, r, keep)
	}
	came := deducted(reply, err)
	if came.outcome == overLimit && sale.forbids(r.n) {
		return result{outcome: tooMuch}
	}
	return came
}

// forbids says that no buyer may ever have n units. A limit per buyer does not change.
func (s *Sale) forbids(n uint32) bool { return s.limit > 0 && uint64(n) > s.limit }
