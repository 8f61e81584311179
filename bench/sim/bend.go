package sim

import (
	"errors"
	"slices"
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
	"spike/shard"
)

// The mutants whose guard is left out by the simulation. Without the build tag mutants this file does nothing.

// mutate changes the bounds.
func (w *world) mutate() {
	switch {
	case w.lacks(noMargin):
		w.bounds.Margin, w.ledger.Margin = 0, 0
	case w.lacks(sweepEarly):
		w.ledger.Margin = -2 * time.Second
	case w.lacks(clockUncapped):
		w.ledger.Step = time.Hour
	}
}

// takersClock is the clock that buyers' goroutines read.
func (e *edge) takersClock() allotment.Instant {
	if e.w.lacks(staleClock) {
		return e.stepped
	}
	return e.clock()
}

// bend returns the clocks as the edge uses them.
func (e *edge) bend(now allotment.Instant) allotment.Instant {
	switch {
	case e.w.lacks(monotonicOnly):
		now.Wall = now.Mono
	case e.w.lacks(wallOnly):
		now.Mono = now.Wall
	}
	return now
}

// waitsFor is how many replicas must have a script before its answer goes out.
func (w *world) waitsFor(e *entry, h ledger.Head) uint64 {
	switch t := traitOf(e.call); {
	case !t.widens, t.wait != "" && w.lacks(t.wait):
		return 0
	case w.lacks(waitOnline):
		return e.node.Replicas
	}
	return h.Replicas
}

// mutateCall returns the call that is really sent.
func (e *edge) mutateCall(call any) any {
	switch q := call.(type) {
	case ledger.RenewRequest:
		if e.w.lacks(awaitedFreed) {
			q.Awaited = 1 << 62
			return q
		}
	case ledger.ReassertRequest:
		if e.w.lacks(noReassert) {
			return expire{1}
		}
		if e.w.lacks(assertStock) {
			q.Leases = unsold(q.Leases, e.claims())
			return q
		}
	}
	return call
}

// unsold returns the units of leases without those that are claimed.
func unsold(held []ledger.Held, claims []ledger.Claim) (out []ledger.Held) {
	for _, h := range held {
		rest := ledger.NewRangeSet(h.Ranges)
		for _, c := range claims {
			if c.Fence == h.Fence {
				rest.CutAll(shard.Range{Start: c.Serial, End: c.Serial + c.Count})
			}
		}
		h.Ranges = rest.Ranges()
		out = append(out, h)
	}
	return out
}

// skip drops the claims of a settle call whose number looks old.
func (w *world) skip(call any) (instead any, skipped int) {
	q, ok := call.(ledger.SettleRequest)
	if !ok || !w.lacks(batchByNode) {
		return call, 0
	}
	if q.Batch > w.batches[q.Node] {
		w.batches[q.Node] = q.Batch
		return call, 0
	}
	skipped, q.Claims = len(q.Claims), nil
	return q, skipped
}

// kept makes the answer to a dropped call as long as the call.
func kept(reply any, skipped int) any {
	if r, ok := reply.(ledger.SettleReply); ok && skipped > 0 {
		r.Verdicts = make([]ledger.Verdict, skipped)
		return r
	}
	return reply
}

// answerAtOnce answers a settle call as soon as it is sent.
func (e *edge) answerAtOnce(call any, sent allotment.Instant) {
	q := call.(ledger.SettleRequest)
	reply := ledger.SettleReply{Head: e.a.View(), Verdicts: make([]ledger.Verdict, len(q.Claims))}
	e.later(time.Microsecond, func() {
		e.w.check.heard(q.Claims)
		e.step(allotment.Answer{Call: call, Reply: reply, Sent: sent})
	})
}

// mutateAnswer returns the answer that the Keeper is told.
func (e *edge) mutateAnswer(a allotment.Answer) allotment.Answer {
	if e.w.lacks(sentLate) {
		a.Sent = e.clock()
	}
	switch q := a.Call.(type) {
	case ledger.ReassertRequest:
		if e.w.lacks(noReassert) && a.Err == nil {
			a.Reply = assumed(q, a.Reply.(ledger.ExpireReply).Head)
		}
	case ledger.SettleRequest:
		if e.w.lacks(eraStale) && errors.Is(a.Err, ledger.ErrReassert) {
			resolved := slices.Repeat([]ledger.Verdict{ledger.Resolved}, len(q.Claims))
			a.Err, a.Reply = nil, ledger.SettleReply{Head: e.a.View(), Verdicts: resolved}
		}
	}
	switch r := a.Reply.(type) {
	case ledger.LeaseReply:
		if e.w.lacks(earlySoldOut) {
			r.Leased, r.Limbo = 0, 0
		}
		if e.w.lacks(longHold) {
			r.Grant.Hold += (3 * time.Second).Microseconds()
		}
		a.Reply = r
	case ledger.RenewReply:
		if e.w.lacks(earlySoldOut) {
			r.Leased, r.Limbo = 0, 0
		}
		a.Reply = r
	}
	return a
}

// assumed is the answer of a ledger that has lost nothing.
func assumed(q ledger.ReassertRequest, h ledger.Head) ledger.ReassertReply {
	r := ledger.ReassertReply{Head: h}
	for _, held := range q.Leases {
		r.Grants = append(r.Grants, ledger.Grant{Fence: held.Fence, Deadline: max(held.Deadline, h.Now+q.Term.Microseconds()),
			Ranges: held.Ranges})
	}
	return r
}
