package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"spike/bench"
	"spike/edge/allotment"
	"spike/luascripts/ledger"
	"spike/luascripts/memory"
	"spike/shard"
)

// mutation is a guard that a build with the tag mutants can leave out, and the fault without it.
type mutation struct {
	name ledger.Mutant
	what string
}

var mutations = []mutation{
	// Leases and clocks.
	{"no-margin", "edges sell until their lease's last moment, and the ledger frees it at that moment"},
	{"sweep-early", "the ledger takes a lease back two seconds before its end"},
	{"clock-uncapped", "a jump of Redis' clock is a jump of ledger time"},
	{"monotonic-only", "an edge looks at the monotonic clock alone: it stands still while the machine sleeps"},
	{"wall-only", "an edge looks at the wall clock alone: an operator sets it back"},
	{"stale-clock", "a Take believes the time at which the Keeper last woke"},
	{"sent-late", "a lease's life is counted from the reply, not from the send"},
	{"long-hold", "an edge promises three seconds more than the lease's hold"},
	{memory.LimboShort, "limbo lasts a margin, not the hold"},
	{memory.NoLimbo, "a dead lease's units are free at once"},
	{memory.DueAsWritten, "the sweep believes when a lease was to be over, though a new era has moved that"},
	{memory.GiveBackCloses, "giving some units back ends the whole lease"},
	{allotment.RefillOnSilence, "units whose give-back has no answer are sold after all"},
	{allotment.NoDoubt, "a taker that slept believes the lease it finds"},
	{"awaited-freed", "a renewal lets go of leases whose grant is still on its way"},
	{allotment.CloseBlind, "an edge sells to the end of its lease, whenever the sale closes (P9)"},
	{memory.OldWitness, "a caller proves how much time has passed, though others have had a time from the ledger since"},
	{allotment.NewsStorm, "every edge follows every news at once, though others are faster each time (S3)"},
	{allotment.OldVerdict, "an edge that has said none now goes on saying it when all is sold for good (S2)"},
	{"early-sold-out", "sold out for good, though leases may come back"},
	{memory.SearchFew, "n units in a row are looked for in the lowest two free ranges alone (P7)"},
	{memory.RunDeaf, "a lease for buyers of several in a row is cut from the lowest ranges"},
	// Replicas.
	{"no-wait-lease", "a lease is sold from before the replicas have it"},
	{"no-wait-renew", "a deadline moves before the replicas know"},
	{"no-wait-settle", "a slot is used again before the replicas have its claim"},
	{"no-wait-deduct", "a Deduct is told before the replicas have it"},
	{"no-wait-confirm", "a confirm is told before the replicas have it"},
	{memory.AnyLineup, "the replicas that are here at the write are waited for, not those the Sentinels were asked about (P4)"},
	{memory.AnyReplica, "a newcomer takes the place of a replica that is gone, and may be promoted (P18)"},
	{"wait-anyone", "WAIT counts a follower that came after the script (P18)"},
	{"wait-online", "WAIT asks for the replicas that are connected now, not for those there ever were"},
	// Claims and tokens.
	{memory.NoFence, "a claim is settled from any lease that has its serial"},
	{memory.ReplayRewrites, "a batch that is sent again writes its owners again"},
	{"batch-by-node", "settle batches are numbered by node: a new edge's first ones look old"},
	{"free-early", "a slot is used again once its settle is sent"},
	{memory.LimboDeaf, "a token whose claim was never settled is worth nothing in limbo"},
	{memory.CancelConfirmed, "a buyer can cancel after the payment"},
	{memory.ExpireConfirmed, "a hold ends though it was paid"},
	{"recover-blind", "an edge that comes back lets go of its old leases without settling its old ring"},
	{"boot-blind", "a ring that a lost machine had is taken for whole"},
	{"node-release", "an edge that comes back lets go of all that its node ever leased, data or not"},
	// Eras.
	{"no-reassert", "an edge does not name its leases in a new era"},
	{"reassert-stock-only", "an edge does not name its unsettled claims in a new era"},
	{memory.AssertFree, "a re-assertion takes only what is free"},
	{"era-stale", "an edge takes unheard for resolved"},
	{memory.KnownOnly, "an operator who pauses a sale waits for the leases that the ledger knows, and for no other (P8)"},
	{memory.NeverUnheard, "a claim that lost history may have had is called resolved"},
	{memory.ShortRecovery, "units are granted again before the promises of lost history are over"},
	{memory.EarlyRecovery, "units are granted again once all known leases are re-asserted, though others are lost"},
	{memory.LeaseAnyEra, "units are leased while the ledger recovers"},
	{memory.DeductAnyEra, "units are deducted while the ledger recovers"},
	{memory.LostTime, "where history was lost, ledger time follows the wall clock (P5)"},
	{memory.DeafToTime, "where history was lost, ledger time ignores the instances that lived through it"},
	{memory.ConfirmAtOnce, "a restarted ledger confirms before any instance had the time to say how late it is"},
	{memory.DiskIsPrimary, "a server that comes back from its file is taken for a promoted replica (P2)"},
	{memory.DiskForgets, "a server that comes back from a file that has everything is taken to have lost some (P6)"},
	{memory.NoProof, "a recovery ends before an instance that has acted on more had the time to come (P3)"},
	{memory.FenceCounts, "fences count up: those of a lost history come again"},
	{memory.FenceStays, "where history was lost, fences go on from the known ones: those of the lost history come again"},
	{memory.FloorRises, "a recovery that is cut off forgets where the history before it ended (S1)"},
	{memory.RenewUnheard, "leases are renewed in a recovery before their owner has named them"},
	{allotment.KeepOutlived, "an edge says that it holds units that may have been another's in lost history"},
	// Rings.
	{"copy-proves", "a copy of a living edge's ring is taken for a dead one's (P1)"},
	{"store-blind", "an edge sets its rings aside where another store does not know their sales"},
	{"offer-blind", "an offer that is left in a ring is settled without its key (P10)"},
	{allotment.OfferSettles, "an edge settles a unit that it has offered to a key, though the key may have another"},
	// Draws.
	{memory.DrawByClock, "the window of a draw ends by the store's clock alone, which jumps (P17)"},
	{memory.LotsLeased, "edges lease what is kept for winners"},
	{memory.LotTwice, "a winner of a draw that asks again is given another unit"},
	// Calls of several buys.
	{"no-wait-batch", "the buys of a call are told before the replicas have them"},
	{memory.LimitBefore, "the limit counts the units that a buyer had before the call"},
	{memory.KeyAnew, "a key that comes twice in one call is decided twice"},
	{memory.OfferStays, "an offer to a key that the same call has answered stays in its lease"},
	{memory.RefusesAll, "one refused buy refuses a call in which others have won"},
	{memory.NoneKept, "a key that has heard none hears it ever after"},
	// Payment services and operators.
	{memory.ReleaseBlind, "a refund puts units back on sale, though another buyer may have them by now"},
	{memory.ProlongUnsettled, "a hold is prolonged while its claim is still in a lease: limbo does not wait so long"},
	{memory.CloseAtOnce, "the operator has the sale close sooner than an edge that hears nothing"},
}

// checkMutant refuses a mutation that does not exist, or that this build does not have.
func checkMutant(m ledger.Mutant) error {
	switch {
	case m == "":
		return nil
	case !ledger.Mutable:
		return fmt.Errorf("%w: mutant: %q needs a build with -tags mutants", bench.ErrUsage, m)
	case !slices.ContainsFunc(mutations, func(known mutation) bool { return known.name == m }):
		return fmt.Errorf("%w: mutant: there is no %q", bench.ErrUsage, m)
	}
	return nil
}

// The mutants that the simulation itself makes, because it stands in for something: clocks, bounds, the network, WAIT, and a
// start on old data. The other guards are in luascripts and edge/allotment. Without the build tag mutants all this does nothing.

// mutate changes the bounds.
func (w *world) mutate() {
	switch {
	case w.lacks("no-margin"):
		w.bounds.Margin, w.ledger.Margin = 0, 0
	case w.lacks("sweep-early"):
		w.ledger.Margin = -2 * time.Second
	case w.lacks("clock-uncapped"):
		w.ledger.Step = time.Hour
	}
}

// takersClock is the clock that buyers' goroutines read.
func (e *edge) takersClock() allotment.Instant {
	if e.lacks("stale-clock") {
		return e.stepped
	}
	return e.clock()
}

// bend returns the clocks as the edge uses them.
func (e *edge) bend(now allotment.Instant) allotment.Instant {
	switch {
	case e.lacks("monotonic-only"):
		now.Wall = now.Mono
	case e.lacks("wall-only"):
		now.Mono = now.Wall
	}
	return now
}

// waitsFor is how many replicas must have a script before its answer goes out.
func (w *world) waitsFor(e *entry, h ledger.Head, err error) uint64 {
	switch t := scriptOf(e.call); {
	case err != nil, !t.widens, t.wait != "" && w.lacks(t.wait):
		return 0
	case w.lacks("wait-online"):
		return e.node.Replicas
	}
	return h.Replicas
}

// mutateCall returns the call that is really sent.
func (e *edge) mutateCall(call any) any {
	switch q := call.(type) {
	case ledger.RenewRequest:
		if e.lacks("awaited-freed") {
			q.Awaited = 1 << 62
			return q
		}
	case ledger.ReassertRequest:
		if e.lacks("no-reassert") {
			return expire{1}
		}
		if e.lacks("reassert-stock-only") {
			q.Leases = unsold(q.Leases, e.remains().all())
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

// runs executes a call. It drops the claims of a settle call whose number looks old, and answers as if it had not.
func (s *server) runs(call any) (reply any, e *entry, err error) {
	q, ok := call.(ledger.SettleRequest)
	if !ok || !s.w.lacks("batch-by-node") {
		return s.execute(call)
	}
	if q.Batch > s.w.batches[q.Node] {
		s.w.batches[q.Node] = q.Batch
		return s.execute(call)
	}
	dropped := len(q.Claims)
	q.Claims = nil
	reply, e, err = s.execute(q)
	if r, ok := reply.(ledger.SettleReply); ok {
		r.Verdicts = make([]ledger.Verdict, dropped)
		return r, e, err
	}
	return reply, e, err
}

// freesEarly makes a settle call, and answers it as soon as it is sent.
func (e *edge) freesEarly(call any, sent allotment.Instant) bool {
	q, settles := call.(ledger.SettleRequest)
	if !settles || !e.lacks("free-early") {
		return false
	}
	e.world.call(e.host, call, func(answer) {})
	reply := ledger.SettleReply{Head: e.a.View(), Verdicts: make([]ledger.Verdict, len(q.Claims))}
	e.later(time.Microsecond, func() {
		e.check.heard(q.Claims)
		e.step(allotment.Answer{Call: call, Reply: reply, Sent: sent})
	})
	return true
}

// mutateAnswer returns the answer that the Keeper is told.
func (e *edge) mutateAnswer(a allotment.Answer) allotment.Answer {
	if e.lacks("sent-late") {
		a.Sent = e.clock()
	}
	switch q := a.Call.(type) {
	case ledger.ReassertRequest:
		if e.lacks("no-reassert") && a.Err == nil {
			r := ledger.ReassertReply{Head: a.Reply.(ledger.ExpireReply).Head} // as if nothing was lost
			for _, held := range q.Leases {
				deadline := max(held.Deadline, r.Now+q.Term.Microseconds())
				r.Grants = append(r.Grants, ledger.Grant{Fence: held.Fence, Deadline: deadline, Ranges: held.Ranges})
			}
			a.Reply = r
		}
	case ledger.SettleRequest:
		if e.lacks("era-stale") && errors.Is(a.Err, ledger.ErrReassert) {
			resolved := slices.Repeat([]ledger.Verdict{ledger.Resolved}, len(q.Claims))
			a.Err, a.Reply = nil, ledger.SettleReply{Head: e.a.View(), Verdicts: resolved}
		}
	}
	switch r := a.Reply.(type) {
	case ledger.LeaseReply:
		if e.lacks("early-sold-out") {
			r.Leased, r.Limbo = 0, 0
		}
		if e.lacks("long-hold") {
			r.Grant.Hold += (3 * time.Second).Microseconds()
		}
		a.Reply = r
	case ledger.RenewReply:
		if e.lacks("early-sold-out") {
			r.Leased, r.Limbo = 0, 0
		}
		a.Reply = r
	}
	return a
}

// startOnOtherStore starts an edge against another store. It must refuse to start.
func (h *host) startOnOtherStore() {
	if !h.lacks("store-blind") || len(h.left) == 0 || !h.chance(0.2) {
		return
	}
	for _, r := range h.left {
		h.check.heard(r.claims)
	}
	h.left = nil
}
