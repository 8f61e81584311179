package chaos

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"spike/bench"
	"spike/bench/crowd"
)

// In a sale with a limit the crowd's buyers are known. Each of their buys has an Idempotency-Key, and is sent until it has an
// answer, to any edge, sometimes to two at the same time.

const (
	beyond    = 2  // so many more buys than the limit allows, a buyer tries
	doubles   = 20 // of a hundred buys are sent to two edges at the same time
	leaves    = 5  // of a hundred buyers who hear that there is none do not come back
	repeats   = 3  // a buyer with an answer asks up to so many times more
	pauseLost = 20 * time.Millisecond
)

// purchase is one buy of a known buyer, under its key.
type purchase struct {
	buyer, key string
	first      time.Duration // when it was first sent
	told       atomic.Bool   // it has its answer
	again      int           // how often it will be asked about after that
}

// shopper is a person who buys as one known buyer after another.
type shopper struct {
	*person
	buyers int
	left   int // purchases that this buyer still has
	keys   int
	now    *purchase
}

// next returns the buy that has no answer yet, or else another one.
func (s *shopper) next() *purchase {
	if s.now != nil {
		return s.now
	}
	if s.left == 0 {
		s.buyers++
		s.left = 1 + s.rnd.IntN(s.crowd.Limit+beyond)
	}
	s.left--
	s.keys++
	s.now = &purchase{buyer: fmt.Sprintf("buyer-%d-%d", s.id, s.buyers), key: fmt.Sprintf("key-%d-%d", s.id, s.keys),
		first: s.crowd.History.Now(), again: s.rnd.IntN(repeats)}
	return s.now
}

// buy sends a buy once, or to two edges at the same time.
func (s *shopper) buy(*person) {
	w, to := s.next(), s.endpoint()
	var beside sync.WaitGroup
	if other := s.other(to.Name); other.Buyers != to.Buyers && s.rnd.IntN(100) < doubles {
		beside.Go(func() { s.crowd.try(s.person, other, w) })
	}
	word := s.crowd.try(s.person, to, w)
	beside.Wait()
	switch {
	case w.told.Load():
		if w.again--; w.again < 0 {
			s.now = nil
		}
		s.goElsewhere()
		bench.Sleep(s.ctx, s.crowd.backoff())
	case word == NoneNow || word == SoldOut:
		if s.rnd.IntN(100) < leaves {
			s.now = nil
		}
		bench.Sleep(s.ctx, max(s.crowd.backoff(), pauseAfterNo))
	default:
		s.goElsewhere()
		bench.Sleep(s.ctx, pauseLost)
	}
}

// try sends a purchase to an edge. Its first answer is the win, or the limit. The answer may hold since the wish was first sent,
// because an earlier try may have taken effect.
func (c *Crowd) try(p *person, to Endpoint, w *purchase) Word {
	op := Op{Kind: Buy, Client: p.id, Edge: to.Name, Start: c.History.Now(), End: Forever, Buyer: w.buyer, Key: w.key}
	a, err := p.conns[to.Buyers].Ask("POST", "/buy/"+c.Sale, "X-Buyer-Id", w.buyer, "Idempotency-Key", w.key)
	if errors.Is(err, crowd.ErrUnsent) {
		return Unknown
	}
	if err == nil {
		word, told := bought(a)
		op.Word, op.Token, op.Said, op.End = word, told.Token, said(word, a), c.History.Now()
		if word == Won || word == OverLimit {
			op.Start = w.first
			if w.told.Swap(true) {
				op.Kind = Again
			} else if word == Won {
				op.Serial, op.Until = uint32(told.Serial), c.History.At(told.ExpiresAt)
			}
		}
	}
	c.History.Add(op)
	if op.Serial > 0 {
		c.won(p, op)
	}
	return op.Word
}
