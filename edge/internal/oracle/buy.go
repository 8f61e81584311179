package oracle

// The hot path, from a request's first byte to its answer: one goroutine, no channel, no lock, no allocation, no I/O;
// one clock reading when it wins. TestBuyAllocatesNothing holds it to that, over the whole handler.

import (
	"context"
	"errors"
	"time"

	"github.com/valyala/fasthttp"

	"spike/edge/allotment"
	"spike/luascripts"
)

// request is one buy.
type request struct {
	n        uint32
	buyer    luascripts.Buyer          // zero: nobody is known
	key      luascripts.IdempotencyKey // zero: none was sent
	voice    *voice                    // in which it is answered
	byLot    bool                      // it wants what was drawn for its buyer, and no other unit
	polls    bool                      // it asks what has become of that
	lotAsked bool                      // it has been asked for that
	waits    bool                      // it is counted among those that wait
	nonce    uint64                    // of the newest Deduct made for it
}

func (r *request) keyed() bool { return r.key != luascripts.IdempotencyKey{} }

// buy answers a buy.
func (s *Server) buy(ctx *fasthttp.RequestCtx, sale *Sale, r request) {
	if r.keyed() {
		s.buyByKey(ctx, sale, &r)
		return
	}
	if v := sale.Verdict(); v != nil { // 99 of 100 requests of a spike end here
		s.refuse(ctx, sale, v, &r)
		return
	}
	if sale.atOnce {
		if sold, outcome := sale.Take(r.n, r.buyer); outcome == allotment.Won {
			s.win(ctx, sale, &sold, &r)
			return
		}
	}
	s.buySlowly(ctx, sale, &r)
}

// win tells a buyer.
func (s *Server) win(ctx *fasthttp.RequestCtx, sale *Sale, sold *allotment.Sold, r *request) {
	sale.tally.add(won)
	s.decisions.note(sale, true)
	r.voice.won.send(ctx, s.signer, sale, sold)
}

// refuse tells a buyer why not, or sends it another way.
func (s *Server) refuse(ctx *fasthttp.RequestCtx, sale *Sale, v *allotment.Verdict, r *request) {
	switch v.Reason {
	case allotment.Gone:
		s.buyAnew(ctx, sale, *r)
		return
	case allotment.Drawing:
		s.enter(ctx, sale, v, r)
		return
	case allotment.Lots:
		s.buyBesideLots(ctx, sale, v, r)
		return
	}
	sale.tally.add(outcome(v.Reason))
	s.decisions.note(sale, false)
	switch v.Reason {
	case allotment.Refused:
		problem(ctx, fasthttp.StatusConflict, "sale_refused", v.Why)
	case allotment.Unopened:
		s.notOpen(ctx, sale, v, r.voice)
	default:
		r.voice.prepared[v.Reason].send(ctx)
	}
}

// Here the hot path ends. What follows may wait, within these bounds.
const (
	maxDeducting = 64                     // buys of a sale that wait in Deduct
	maxWaiting   = 4096                   // buys of a sale that wait for a lease
	patience     = 250 * time.Millisecond // how long one waits for a lease before it looks whether one is on its way
	runs         = 64                     // free units for so many buys: fewer, and buys of several go straight to Deduct
	shortFor     = 500 * time.Millisecond // how long "not so many in a row" is believed
	maxPatience  = 12                     // and how often, before nobody knows: 3 s
	settleWait   = 2 * time.Second        // how long a buy waits for the ledger's word (--ack redis)
)

// result is what a buy came to: won, or no, or one of the outcomes that only known buyers hear.
type result struct {
	outcome outcome
	sold    *allotment.Sold    // won; over the limit: the buyer's own pending reservation, or nil
	no      *allotment.Verdict // the reason why not, if it is one of the sale's
}

func denied(v *allotment.Verdict) result { return result{no: v} }

// buySlowly waits for the lease that is on its way, and falls back on Deduct when there is none; a sale with a limit per
// buyer has Deduct alone.
func (s *Server) buySlowly(ctx *fasthttp.RequestCtx, sale *Sale, r *request) {
	mine, ok := sale.queue(r)
	if !ok {
		s.refuse(ctx, sale, busy, r)
		return
	}
	defer sale.unqueue(mine)
	if sale.limit > 0 {
		s.tell(ctx, sale, s.settle(sale, r), r)
		return
	}
	s.tell(ctx, sale, s.acquire(sale, r), r)
}

// tell answers with what a buy came to.
func (s *Server) tell(ctx *fasthttp.RequestCtx, sale *Sale, came result, r *request) {
	switch {
	case came.no != nil:
		s.refuse(ctx, sale, came.no, r)
	case came.outcome == won:
		s.win(ctx, sale, came.sold, r)
	default:
		sale.tally.add(came.outcome)
		s.decisions.note(sale, false)
		if came.outcome == tooMuch {
			r.voice.moreThanAllowed(ctx, sale)
			return
		}
		if came.sold != nil {
			r.voice.limited.send(ctx, s.signer, sale, came.sold)
			return
		}
		r.voice.prepared[came.outcome].send(ctx)
	}
}

// buyAnew is for a sale that was removed, or made again, under this edge.
func (s *Server) buyAnew(ctx *fasthttp.RequestCtx, old *Sale, r request) {
	s.sales.drop(old)
	sale, err := s.sales.find(s.life, old.name)
	if err != nil {
		s.unknown(ctx, err, r.voice)
		return
	}
	s.buy(ctx, sale, r)
}

var (
	busy = &allotment.Verdict{Reason: allotment.Undecided}
	gone = &allotment.Verdict{Reason: allotment.Gone}
)

// vigil is a buyer who waits, and looks again whenever something has changed here.
type vigil struct {
	clock *time.Ticker
	ticks int // without a change
	life  context.Context
}

func (s *Server) vigil() *vigil { return &vigil{clock: time.NewTicker(patience), life: s.life} }

func (v *vigil) end() { v.clock.Stop() }

// pass waits; false: long enough, or this edge stops.
func (v *vigil) pass(changed <-chan struct{}) bool {
	select {
	case <-changed:
	case <-v.clock.C:
		v.ticks++
	case <-v.life.Done():
		return false
	}
	return v.ticks < maxPatience
}

// acquire gets units for a buyer of whom nothing need be asked.
func (s *Server) acquire(sale *Sale, r *request) result {
	v := s.vigil()
	defer v.end()
	for waits := true; waits; {
		changed := sale.Changed()
		if came, decided := s.lot(sale, sale.View(), r); decided {
			return came
		}
		if no := sale.Verdict().Barring(); no != nil {
			return denied(no)
		}
		sold, outcome := s.take(sale, r)
		switch outcome {
		case allotment.Won:
			return result{outcome: won, sold: &sold}
		case allotment.Full:
			if !sale.Growing() {
				return denied(busy)
			}
			sale.Hungry(r.n)
			waits = v.pass(changed)
			continue
		case allotment.Again:
			continue
		case allotment.Empty:
		}
		if no := sale.short(r.n); no != nil {
			return denied(no)
		}
		few := r.n > 1 && sale.View().Unkept() < runs*uint64(r.n) // a lease would only break up what is left in a row
		scattered := r.n > 1 && !sale.IsEmpty()                   // units, but not enough in a row
		if few || (scattered || v.ticks > 0) && !sale.Leasing() {
			if came, tried := s.deduct(sale, r); tried {
				return came
			}
		}
		sale.Hungry(r.n)
		waits = v.pass(changed)
	}
	return denied(busy)
}

// take is Take; under --ack redis it waits for the ledger's word.
func (s *Server) take(sale *Sale, r *request) (allotment.Sold, allotment.Outcome) {
	if s.cfg.Ack == AckEdge {
		return sale.Take(r.n, r.buyer)
	}
	sold, told, outcome := sale.TakeSettled(r.n, r.buyer)
	if outcome != allotment.Won {
		return sold, outcome
	}
	select {
	case v := <-told:
		if v != luascripts.Kept {
			return sold, allotment.Again
		}
		return sold, allotment.Won
	case <-time.After(settleWait):
		return sold, allotment.Full // the claim stands or falls without its buyer
	}
}

// deduct is the article's way: one buy, straight on the hash. Not tried: enough others are at it.
func (s *Server) deduct(sale *Sale, r *request) (came result, tried bool) {
	select {
	case sale.deducting <- struct{}{}:
		defer func() { <-sale.deducting }()
	default:
		return result{}, false
	}
	reply, err := s.deductOnce(sale, r, luascripts.Claim{})
	if err == nil && reply.Answer == luascripts.NotHad && r.n > 1 {
		sale.Scraps()
		sale.shortage.Store(&short{n: r.n, until: time.Now().Add(shortFor), v: shortage(reply.Head)})
	}
	return deducted(reply, err), true
}

// deducted is what a Deduct's answer means for its buyer.
func deducted(reply luascripts.DeductReply, err error) result {
	switch {
	case errors.Is(err, luascripts.ErrForeign), errors.Is(err, luascripts.ErrBadSale):
		return denied(&allotment.Verdict{Reason: allotment.Refused, Why: err.Error()})
	case errors.Is(err, luascripts.ErrNoSale), errors.Is(err, luascripts.ErrBirth):
		return denied(gone)
	case errors.Is(err, luascripts.ErrNoBuyer):
		return result{outcome: noBuyer}
	case err != nil:
		return denied(busy)
	}
	var sold *allotment.Sold
	if reply.Claim.Count > 0 {
		sold = &allotment.Sold{Claim: reply.Claim, Until: reply.Until}
	}
	switch reply.Answer {
	case luascripts.Had:
		return result{outcome: won, sold: sold}
	case luascripts.OverLimit:
		return result{outcome: overLimit, sold: sold}
	case luascripts.KeyUsed:
		return result{outcome: keyUsed}
	case luascripts.NotHad:
	}
	return denied(shortage(reply.Head))
}

// short remembers that nobody could have n units in a row.
type short struct {
	n     uint32
	until time.Time
	v     *allotment.Verdict
}

// short is what a buyer of n hears while it is known that there are not so many in a row.
func (s *Sale) short(n uint32) *allotment.Verdict {
	if known := s.shortage.Load(); known != nil && n >= known.n && time.Now().Before(known.until) {
		return known.v
	}
	return nil
}

// shortage is what a Deduct that found too little says.
func shortage(h luascripts.Head) *allotment.Verdict {
	if v := allotment.Door(h); v != nil {
		return v
	}
	if h.Final() {
		return &allotment.Verdict{Reason: allotment.SoldOut}
	}
	return &allotment.Verdict{Reason: allotment.NoneNow}
}
