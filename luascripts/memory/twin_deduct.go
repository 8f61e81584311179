package memory

import (
	"encoding/binary"
	"fmt"
	"slices"

	"spike/luascripts/ledger"
	"spike/shard"
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

// answerLog is fields of answers, in the order in which they came. dropped is how many went again.
type answerLog struct {
	fields  []string
	dropped int64
}

func (t *Twin) answerDrop(log *answerLog) {
	delete(t.answers, log.fields[0])
	log.fields = log.fields[1:]
	log.dropped++
}

func (t *Twin) answerKeep(log *answerLog, field string, k outcome) {
	t.answers[field] = keptAnswer{t.head.Now + t.head.Hold + t.bounds.Keep.Microseconds(), k}
	t.note(log, field)
}

// note puts a name into a log, and drops the oldest if there are too many.
func (t *Twin) note(log *answerLog, name string) {
	log.fields = append(log.fields, name)
	most := t.head.Total + uint64(t.bounds.Most)
	if t.head.Limit > 0 {
		most *= 2
	}
	if uint64(len(log.fields)) > most {
		t.answerDrop(log)
	}
}

func (t *Twin) sweepAnswers(log *answerLog, most int) {
	for range most {
		if len(log.fields) == 0 {
			return
		}
		if _, kept := t.answerKept(log.fields[0]); kept {
			return
		}
		t.answerDrop(log)
	}
}

// since is the names of a log behind the last known one, how far the caller knows it then, and whether there are more. A mark is
// of another log if fewer names have gone than it says, and then all are new.
func (log *answerLog) since(known ledger.LogMark) (names []string, mark ledger.LogMark, more bool) {
	at := max(known.Last-log.dropped, 0)
	if log.dropped < known.First {
		at = 0
	}
	rest := log.fields[min(at, int64(len(log.fields))):]
	names = rest[:min(len(rest), ledger.MaxAnswers)]
	return names, ledger.LogMark{Last: log.dropped + at + int64(len(names)), First: log.dropped}, len(names) < len(rest)
}

// Answers is answers.lua.
func (t *Twin) Answers(raw int64, q ledger.AnswersRequest) (ledger.AnswersReply, error) {
	defer t.peek()()
	if err := t.look(raw, q.Birth); err != nil {
		return ledger.AnswersReply{}, err
	}
	var last ledger.AnswersMark
	if q.Last != nil {
		last = *q.Last
	}
	out := ledger.AnswersReply{Head: t.view("-")}
	wins, winMark, more := t.winLog.since(last.Wins)
	others, otherMark, moreOthers := t.noLog.since(last.Others)
	out.Mark, out.More = ledger.AnswersMark{Wins: winMark, Others: otherMark}, more || moreOthers
	for _, name := range slices.Concat(wins, others) {
		switch name[0] {
		case 'k':
			out.Keys = append(out.Keys, [8]byte([]byte(name[1:9])))
		case 'b':
			out.Buyers = append(out.Buyers, ledger.Buyer([]byte(name[1:9])))
		}
	}
	return out, nil
}

// Deduct is DeductEach for one buy.
func (t *Twin) Deduct(raw int64, q ledger.DeductRequest) (ledger.DeductReply, error) {
	return ledger.One(t.DeductEach(raw, []ledger.DeductRequest{q}))
}

// DeductEach is deduct.lua; with ByLot, collect.lua.
func (t *Twin) DeductEach(raw int64, qs []ledger.DeductRequest) ([]ledger.Deducted, error) {
	if err := t.open(raw, qs[0].Birth); err != nil {
		return nil, err
	}
	if qs[0].Latest > 0 && raw > qs[0].Latest {
		return nil, ledger.ParseRefusal(fmt.Sprintf("LATE %d us: nobody waits for this buy any more", raw))
	}
	b := buying{gathering: gathering{t: t}, told: map[ledger.IdempotencyKey]outcome{}, since: t.numbered}
	decided := make([]decided, len(qs))
	for k, q := range qs {
		decided[k].outcome, decided[k].known = t.answerKept("k" + string(q.Key[:]))
	}
	for k, q := range qs {
		decided[k].outcome, decided[k].known, decided[k].err = b.before(q, decided[k].outcome, decided[k].known)
	}
	if len(qs) == 1 && decided[0].err != nil {
		return nil, decided[0].err
	}
	b.decideRest(qs, decided)
	t.commit()
	if err := t.refusesAll(decided); err != nil {
		return nil, err
	}
	return t.deducted(qs, decided), nil
}

// decided is what is known of a buy: its outcome, or its refusal.
type decided struct {
	outcome
	known bool
	err   error
}

// deducted is the answers to buys.
func (t *Twin) deducted(qs []ledger.DeductRequest, decided []decided) []ledger.Deducted {
	out, head := make([]ledger.Deducted, len(qs)), t.view("-")
	for k, d := range decided {
		out[k].Head, out[k].Err = head, d.err
		if d.err != nil {
			continue
		}
		out[k].Answer, out[k].Until = d.answer, d.till
		if d.claim.Count > 0 {
			out[k].Claim = d.claim
			out[k].Claim.Buyer = qs[k].Buyer
		}
	}
	return out
}

// buying is one call of several buys: buy.lua.
type buying struct {
	gathering
	told  map[ledger.IdempotencyKey]outcome // by this call, and kept
	since uint64                            // the number of the newest event before the call
	hand  shard.Range                       // the rest of the free range that the buy before was served from
}

// flush ends what the buys so far have changed, before anything else looks at units, or frees some.
func (b *buying) flush() {
	b.hand = shard.Range{}
	b.write()
}

// before is what can be said of a buy before ledger time has ended anything: the answer that its key got, or a refusal.
func (b *buying) before(q ledger.DeductRequest, kept outcome, known bool) (outcome, bool, error) {
	t := b.t
	switch {
	case q.N > ledger.MaxUnits:
		return kept, false, &ledger.Refusal{Code: "TOOMANY", Why: fmt.Sprintf("one buy has at most %d units", ledger.MaxUnits)}
	case q.Offer.Count > 0 && t.life(q.Offer) == unheard:
		return kept, false, reassertFirst()
	case known && keyed(q):
		return b.again(q, kept), true, nil
	case t.head.Limit > 0 && q.Buyer == (ledger.Buyer{}):
		return kept, false, &ledger.Refusal{Code: "NOBUYER", Why: "a sale with a limit per buyer must know its buyers"}
	case q.Offer.Count == 0 && t.recovering() && !t.bounds.Lacks(DeductAnyEra):
		return kept, false, &ledger.Refusal{Code: "RECOVERING", Why: "the history of this sale was cut: it grants nothing yet"}
	}
	return kept, false, nil
}

func keyed(q ledger.DeductRequest) bool { return q.Key != (ledger.IdempotencyKey{}) }

// decideRest decides the buys that have neither an answer nor a refusal yet.
func (b *buying) decideRest(qs []ledger.DeductRequest, decided []decided) {
	swept := false
	for k, q := range qs {
		if decided[k].known || decided[k].err != nil {
			continue
		}
		if !swept {
			b.t.sweep(b.t.bounds.Sweep)
			swept = true
		}
		if told, known := b.told[q.Key]; known && !b.t.bounds.Lacks(KeyAnew) {
			decided[k].outcome = b.againHere(q, told)
			continue
		}
		decided[k].outcome = b.decide(q)
	}
	b.flush()
}

// decide decides one buy, and keeps the answer for its key.
func (b *buying) decide(q ledger.DeductRequest) outcome {
	decide := b.deduct
	if q.ByLot {
		decide = b.collect
	}
	k := decide(q)
	had := k.answer == ledger.Granted
	switch {
	case !keyed(q):
	case had:
		b.t.answerKeep(&b.t.winLog, "k"+string(q.Key[:]), k)
		b.told[q.Key] = k
	case k.answer == ledger.OverLimit && !b.t.refusedOften(q.Buyer), k.answer == ledger.Unavailable && b.t.bounds.Lacks(NoneKept):
		b.t.answerKeep(&b.t.noLog, "k"+string(q.Key[:]), k)
		b.told[q.Key] = k
	}
	if had && b.t.head.Limit > 0 {
		b.t.note(&b.t.winLog, "b"+string(q.Buyer[:]))
	}
	return k
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
func (b *buying) again(q ledger.DeductRequest, k outcome) outcome {
	if q.Offer.Count > 0 && (q.Offer.Fence != k.claim.Fence || q.Offer.Nonce != k.claim.Nonce) {
		b.flush()
		b.t.release(q.Offer)
	}
	if k.n != q.N {
		return outcome{answer: ledger.KeyUsed}
	}
	return k
}

func (b *buying) overLimit(q ledger.DeductRequest) bool {
	return b.t.head.Limit > 0 && uint64(len(b.counted(q.Buyer)))+uint64(q.N) > b.t.head.Limit
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
func (b *buying) limited(q ledger.DeductRequest) (k outcome, over bool) {
	if !b.overLimit(q) {
		return k, false
	}
	b.flush()
	b.t.lapse(q.Buyer)
	if !b.overLimit(q) {
		return k, false
	}
	c, till := b.t.ownPending(b.t.buyers[q.Buyer])
	return outcome{q.N, ledger.OverLimit, c, till}, true
}

func (b *buying) deduct(q ledger.DeductRequest) outcome {
	if k, over := b.limited(q); over {
		return k
	}
	c, had := q.Offer, q.Offer.Count > 0
	switch {
	case had:
		b.flush()
		had = b.t.settled(c) == ledger.IsPending
	case b.t.head.Unkept() >= uint64(q.N):
		c, had = b.fromFree(q)
	}
	return b.bought(q, c, had)
}

// bought is the outcome of a claim, or of none.
func (b *buying) bought(q ledger.DeductRequest, c ledger.Claim, had bool) outcome {
	if !had {
		return outcome{}
	}
	return outcome{q.N, ledger.Granted, c, b.t.until(c.Expiry)}
}

// inHand is the free range that serves n units: the one that served the buy before, or else the shortest; -1: there is none, and
// the next buy begins with the shortest.
func (b *buying) inHand(n uint64) int {
	if uint64(b.hand.Len()) >= n {
		return b.t.free.Index(b.hand.Start)
	}
	b.hand = shard.Range{}
	return b.t.fit(n)
}

// fromFree makes a claim of n free serials in a row, if the doors are open.
func (b *buying) fromFree(q ledger.DeductRequest) (ledger.Claim, bool) {
	t := b.t
	if t.state() != ledger.Open {
		return ledger.Claim{}, false
	}
	i := b.inHand(uint64(q.N))
	if i < 0 {
		return ledger.Claim{}, false
	}
	end := t.free.Range(i).End
	first := t.free.Front(i, uint64(q.N)).Start
	b.hand = shard.Range{Start: first + q.N, End: end}
	t.head.Free -= uint64(q.N)
	c := ledger.Claim{Serial: first, Count: q.N, Fence: t.newFence(), Nonce: q.Nonce, Buyer: q.Buyer}
	if t.head.Hold > 0 {
		c.Expiry = t.head.Now + t.head.Hold
	}
	b.add(c)
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
