package edge

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

// buy answers a buy of n units.
func (s *Server) buy(ctx *fasthttp.RequestCtx, sale *Sale, n uint32) {
	if v := sale.Verdict(); v != nil { // 99 of 100 requests of a spike end here
		s.refuse(ctx, sale, v, n)
		return
	}
	if s.cfg.Ack == AckEdge {
		if sold, outcome := sale.Take(n, luascripts.Buyer{}); outcome == allotment.Won {
			s.win(ctx, sale, &sold)
			return
		}
	}
	s.buySlowly(ctx, sale, n)
}

// win tells a buyer.
func (s *Server) win(ctx *fasthttp.RequestCtx, sale *Sale, sold *allotment.Sold) {
	sale.tally.add(won)
	s.decisions.note(sale, true)
	s.sendWon(ctx, sale, sold)
}

// refuse tells a buyer why not.
func (s *Server) refuse(ctx *fasthttp.RequestCtx, sale *Sale, v *allotment.Verdict, n uint32) {
	if v.Reason == allotment.Gone {
		s.buyAnew(ctx, sale, n)
		return
	}
	sale.tally.add(outcome(v.Reason))
	s.decisions.note(sale, false)
	if v.Reason == allotment.Refused {
		problem(ctx, fasthttp.StatusConflict, "sale_refused", v.Why)
		return
	}
	s.answers[v.Reason].send(ctx)
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

// buySlowly waits for the lease that is on its way, and falls back on Deduct when there is none.
func (s *Server) buySlowly(ctx *fasthttp.RequestCtx, sale *Sale, n uint32) {
	if sale.waiting.Add(1) > maxWaiting {
		sale.waiting.Add(-1)
		s.refuse(ctx, sale, busy, n)
		return
	}
	defer sale.waiting.Add(-1)
	sold, no := s.acquire(sale, n)
	if no != nil {
		s.refuse(ctx, sale, no, n)
		return
	}
	s.win(ctx, sale, sold)
}

// buyAnew is for a sale that was removed, or made again, under this edge.
func (s *Server) buyAnew(ctx *fasthttp.RequestCtx, old *Sale, n uint32) {
	s.sales.drop(old)
	sale, err := s.sales.find(s.life, old.name)
	if err != nil {
		s.unknown(ctx, err)
		return
	}
	s.buy(ctx, sale, n)
}

var busy = &allotment.Verdict{Reason: allotment.Undecided}

// acquire gets n units or the reason why not.
func (s *Server) acquire(sale *Sale, n uint32) (*allotment.Sold, *allotment.Verdict) {
	clock := time.NewTicker(patience)
	defer clock.Stop()
	for waited := 0; waited < maxPatience; {
		changed := sale.Changed()
		if v := sale.Verdict(); v != nil {
			return nil, v
		}
		sold, outcome := s.take(sale, n)
		switch outcome {
		case allotment.Won:
			return &sold, nil
		case allotment.Full:
			return nil, busy
		case allotment.Again:
			continue
		case allotment.Empty:
		}
		if v := sale.short(n); v != nil {
			return nil, v
		}
		few := n > 1 && sale.View().Free < runs*uint64(n) // a lease would only break up what is left in a row
		scattered := n > 1 && !sale.IsEmpty()             // units, but not enough in a row
		if few || (scattered || waited > 0) && !sale.Leasing() {
			if sold, no, tried := s.deduct(sale, n); tried {
				return sold, no
			}
		}
		sale.Hungry(n)
		select {
		case <-changed:
		case <-clock.C:
			waited++
		case <-s.life.Done():
			return nil, busy
		}
	}
	return nil, busy
}

// take is Take; under --ack redis it waits for the ledger's word.
func (s *Server) take(sale *Sale, n uint32) (allotment.Sold, allotment.Outcome) {
	if s.cfg.Ack == AckEdge {
		return sale.Take(n, luascripts.Buyer{})
	}
	sold, told, outcome := sale.TakeSettled(n, luascripts.Buyer{})
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
func (s *Server) deduct(sale *Sale, n uint32) (sold *allotment.Sold, no *allotment.Verdict, tried bool) {
	select {
	case sale.deducting <- struct{}{}:
		defer func() { <-sale.deducting }()
	default:
		return nil, nil, false
	}
	reply, err := s.store.Deduct(context.WithoutCancel(s.life), sale.name, luascripts.DeductRequest{
		Party: luascripts.Party{Birth: sale.birth}, N: n, Nonce: newNonce(),
		Latest: sale.StoreTime() + luascripts.Timeout.Microseconds()})
	if errors.Is(err, luascripts.ErrForeign) || errors.Is(err, luascripts.ErrBadSale) {
		return nil, &allotment.Verdict{Reason: allotment.Refused, Why: err.Error()}, true
	}
	if err != nil {
		return nil, busy, true
	}
	if reply.Claim.Serial == 0 {
		v := shortage(reply.Head)
		if n > 1 {
			sale.Scraps()
			sale.shortage.Store(&short{n: n, until: time.Now().Add(shortFor), v: v})
		}
		return nil, v, true
	}
	left := reply.Claim.Expiry - reply.Now
	return &allotment.Sold{Claim: reply.Claim, Until: time.Now().UnixMicro() + left}, nil, true
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
