package memory

import (
	"encoding/binary"
	"fmt"
	"slices"

	"spike/luascripts/ledger"
)

// The twin's Deduct, and the answers that it keeps.

// keptAnswer is an answer that a repeat must get again.
type keptAnswer struct {
	until int64
	outcome
}

// outcome is what an idempotency key was answered.
type outcome struct {
	n      uint32
	answer ledger.Answer
	claim  ledger.Claim
	till   int64
}

// grave is the field that says that a claim was cancelled.
func grave(c ledger.Claim) string {
	b := binary.BigEndian.AppendUint32([]byte("x"), c.Serial)
	b = binary.BigEndian.AppendUint64(b, c.Fence)
	return string(binary.BigEndian.AppendUint64(b, c.Nonce))
}

func (t *Twin) answerKept(field string) (outcome, bool) {
	a, known := t.answers[field]
	return a.outcome, known && a.until > t.head.Now
}

func (t *Twin) answerDrop(log *[]string) {
	delete(t.answers, (*log)[0])
	*log = (*log)[1:]
}

func (t *Twin) answerKeep(log *[]string, field string, k outcome) {
	t.answers[field] = keptAnswer{t.head.Now + t.head.Hold + t.bounds.Keep.Microseconds(), k}
	*log = append(*log, field)
	if uint64(len(*log)) > t.head.Total+uint64(t.bounds.Most) {
		t.answerDrop(log)
	}
}

func (t *Twin) sweepAnswers(log *[]string, most int) {
	for range most {
		if len(*log) == 0 {
			return
		}
		if _, kept := t.answerKept((*log)[0]); kept {
			return
		}
		t.answerDrop(log)
	}
}

// Deduct is deduct.lua; with ByLot, collect.lua.
func (t *Twin) Deduct(raw int64, q ledger.DeductRequest) (ledger.DeductReply, error) {
	if err := t.open(raw, q.Birth); err != nil {
		return ledger.DeductReply{}, err
	}
	if q.Latest > 0 && raw > q.Latest {
		return ledger.DeductReply{}, ledger.ParseRefusal(fmt.Sprintf("LATE %d us: nobody waits for this buy any more", raw))
	}
	if q.N > ledger.MaxUnits {
		return ledger.DeductReply{}, &ledger.Refusal{Code: "TOOMANY", Why: fmt.Sprintf("one buy has at most %d units",
			ledger.MaxUnits)}
	}
	keyed := q.Key != (ledger.IdempotencyKey{})
	field := "k" + string(q.Key[:])
	if q.Offer.Count > 0 && t.life(q.Offer) == unheard {
		return ledger.DeductReply{}, reassertFirst()
	}
	told, known := t.answerKept(field)
	if keyed && known {
		return t.again(q, told), nil
	}
	if t.head.Limit > 0 && q.Buyer == (ledger.Buyer{}) {
		return ledger.DeductReply{}, &ledger.Refusal{Code: "NOBUYER", Why: "a sale with a limit per buyer must know its buyers"}
	}
	if q.Offer.Count == 0 && t.recovering() && !t.bounds.Lacks(DeductAnyEra) {
		return ledger.DeductReply{}, &ledger.Refusal{Code: "RECOVERING",
			Why: "the history of this sale was cut: it grants nothing yet"}
	}
	t.sweep(t.bounds.Sweep)
	decide := t.deduct
	if q.ByLot {
		decide = t.collect
	}
	k := decide(q)
	switch {
	case keyed && k.answer == ledger.Granted:
		t.answerKeep(&t.winLog, field, k)
	case keyed && k.answer == ledger.OverLimit && !t.refusedOften(q.Buyer):
		t.answerKeep(&t.noLog, field, k)
	}
	return t.deductReply(k), nil
}

// refusedOften says that as many of this buyer's keys as are kept got OverLimit.
func (t *Twin) refusedOften(b ledger.Buyer) bool {
	field := "l" + string(b[:])
	count, known := t.answerKept(field)
	if !known {
		t.answerKeep(&t.noLog, field, outcome{n: 1})
		return false
	}
	if int(count.n) >= t.bounds.Refused {
		return true
	}
	t.answers[field] = keptAnswer{t.answers[field].until, outcome{n: count.n + 1}}
	return false
}

// again answers a key that was answered before.
func (t *Twin) again(q ledger.DeductRequest, k outcome) ledger.DeductReply {
	if q.Offer.Count > 0 && (q.Offer.Fence != k.claim.Fence || q.Offer.Nonce != k.claim.Nonce) {
		t.release(q.Offer)
	}
	if k.n != q.N {
		k = outcome{answer: ledger.KeyUsed}
	}
	k.claim.Buyer = q.Buyer
	return t.deductReply(k)
}

func (t *Twin) deductReply(k outcome) ledger.DeductReply {
	t.commit()
	out := ledger.DeductReply{Head: t.view("-"), Answer: k.answer, Claim: k.claim, Until: k.till}
	if out.Claim.Count == 0 {
		out.Claim = ledger.Claim{}
	}
	return out
}

func (t *Twin) overLimit(q ledger.DeductRequest) bool {
	return t.head.Limit > 0 && uint64(len(t.buyers[q.Buyer]))+uint64(q.N) > t.head.Limit
}

// lapse puts back what a buyer had and did not pay in time, though no sweep has found it yet.
func (t *Twin) lapse(buyer ledger.Buyer) {
	var gone []uint32
	for _, s := range t.buyers[buyer] {
		if o := t.sold[s]; !o.confirmed && o.expiry > 0 && o.expiry <= t.head.Now {
			gone = append(gone, s)
		}
	}
	slices.Sort(gone)
	t.unown(ledger.Expired, gone)
}

// limited is the outcome for a buyer who would have more than the sale's limit, with the buyer's pending claim, if there is
// one.
func (t *Twin) limited(q ledger.DeductRequest) (k outcome, over bool) {
	if !t.overLimit(q) {
		return k, false
	}
	t.lapse(q.Buyer)
	if !t.overLimit(q) {
		return k, false
	}
	c, till := t.ownPending(t.buyers[q.Buyer])
	return outcome{q.N, ledger.OverLimit, c, till}, true
}

func (t *Twin) deduct(q ledger.DeductRequest) outcome {
	if k, over := t.limited(q); over {
		return k
	}
	c, had := q.Offer, q.Offer.Count > 0
	switch {
	case had:
		had = t.settled(c) == ledger.IsPending
	case t.head.Unkept() >= uint64(q.N):
		c, had = t.fromFree(q)
	}
	return t.bought(q, c, had)
}

// bought is the outcome of a claim, or of none.
func (t *Twin) bought(q ledger.DeductRequest, c ledger.Claim, had bool) outcome {
	if !had {
		return outcome{}
	}
	return outcome{q.N, ledger.Granted, c, t.until(c.Expiry)}
}

// fromFree makes a claim of n free serials in a row, if the doors are open.
func (t *Twin) fromFree(q ledger.DeductRequest) (ledger.Claim, bool) {
	if t.state() != ledger.Open {
		return ledger.Claim{}, false
	}
	i := t.fit(uint64(q.N))
	if i < 0 {
		return ledger.Claim{}, false
	}
	first := t.free.Front(i, uint64(q.N)).Start
	t.head.Free -= uint64(q.N)
	c := ledger.Claim{Serial: first, Count: q.N, Fence: t.newFence(), Nonce: q.Nonce, Buyer: q.Buyer}
	if t.head.Hold > 0 {
		c.Expiry = t.head.Now + t.head.Hold
	}
	t.own(c)
	return c, true
}

// ownPending is the first of a buyer's reservations that may still be paid.
func (t *Twin) ownPending(has []uint32) (ledger.Claim, int64) {
	for _, s := range has {
		o := t.sold[s]
		if o.confirmed || o.expiry > 0 && o.expiry <= t.head.Now {
			continue
		}
		c := ledger.Claim{Serial: s, Count: 1, Fence: o.fence, Nonce: o.nonce, Expiry: o.expiry, Buyer: o.buyer}
		for t.sold[s+c.Count] == o {
			c.Count++
		}
		return c, t.until(o.expiry)
	}
	return ledger.Claim{}, 0
}
