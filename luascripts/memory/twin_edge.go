package memory

import (
	"cmp"
	"slices"

	"spike/luascripts/ledger"
)

// The calls of edges.

// Lease is lease.lua.
func (t *Twin) Lease(raw int64, q ledger.LeaseRequest) (ledger.LeaseReply, error) {
	if err := t.open(raw, q.Birth); err != nil {
		return ledger.LeaseReply{}, err
	}
	t.sweep(t.bounds.Sweep)
	l := t.leaseFor(q)
	t.commit()
	out := ledger.LeaseReply{Head: t.view(q.Instance)}
	if l != nil {
		out.Grant = t.grantOf(l)
	}
	return out, nil
}

func (t *Twin) grantOf(l *lease) ledger.Grant {
	return ledger.Grant{Fence: l.fence, Deadline: t.ends(l), Hold: l.hold, Ranges: l.rem.Ranges()}
}

// leaseFor is the request's lease: the one that the request got before, a new one, or none.
func (t *Twin) leaseFor(q ledger.LeaseRequest) *lease {
	me := t.instance(q.Instance)
	me.node, me.last, t.asked[q.Instance] = q.Node, t.head.Now, t.head.Now
	t.lasts(q.Term)
	for _, f := range me.fences {
		if l := t.leases[f]; l.req == q.Request {
			return l
		}
	}
	if t.state() != ledger.Open || t.head.Limit > 0 || t.recovering() && !t.bounds.Lacks(LeaseAnyEra) ||
		len(me.fences) >= t.bounds.Held {
		return nil
	}
	got := t.free.Take(min(q.Want, ledger.MaxLease, t.fairPart()), t.bounds.Ranges, t.runFor(q))
	if len(got) > 0 {
		return t.grant(me, q, got)
	}
	if q.Recall && t.head.Leased > 0 {
		t.recallEnds, t.recaller = t.head.Now+t.bounds.Recall.Microseconds(), q.Instance
	}
	return nil
}

func (t *Twin) grant(me *instance, q ledger.LeaseRequest, got ledger.Ranges) *lease {
	l := &lease{fence: t.newFence(), inst: q.Instance, req: q.Request, hold: t.covered(),
		deadline: t.head.Now + q.Term.Microseconds(), rem: ledger.NewRangeSet(got)}
	me.fences = append(me.fences, l.fence)
	t.leases[l.fence] = l
	t.writeLease(l)
	t.head.Free -= got.Len()
	t.head.Leased += got.Len()
	return l
}

// forget looks at a few instances that have been silent for long, and drops those that hold nothing. The others are looked at
// again later.
func (t *Twin) forget() {
	var silent []string
	for id, asked := range t.asked {
		if asked < t.head.Now-t.bounds.Forget.Microseconds() {
			silent = append(silent, id)
		}
	}
	slices.SortFunc(silent, func(a, b string) int { return cmp.Or(cmp.Compare(t.asked[a], t.asked[b]), cmp.Compare(a, b)) })
	for _, id := range silent[:min(ledger.Few, len(silent))] {
		if len(t.instance(id).fences) == 0 {
			delete(t.instances, id)
			delete(t.asked, id)
		} else {
			t.asked[id] = t.head.Now - t.bounds.Active.Microseconds()
		}
	}
}

func (t *Twin) fairPart() uint64 {
	t.forget()
	active := uint64(0)
	for _, asked := range t.asked {
		if asked > t.head.Now-t.bounds.Active.Microseconds() {
			active++
		}
	}
	return (t.forAll() + active) / (active + 1) // the caller is one of the active
}

// Renew is renew.lua.
func (t *Twin) Renew(raw int64, q ledger.RenewRequest) (ledger.RenewReply, error) {
	if err := t.open(raw, q.Birth); err != nil {
		return ledger.RenewReply{}, err
	}
	t.sweep(t.bounds.Sweep)
	t.lasts(q.Term)
	me := t.instances[q.Instance]
	said := q.Era == 0 || q.Era == t.head.Era
	asserted := !t.recovering() || me != nil && me.era == t.head.Era && said || t.bounds.Lacks(RenewUnheard)
	held := map[uint64]bool{}
	deadlines := make([]int64, len(q.Fences))
	for k, f := range q.Fences {
		l := t.leases[f]
		if !asserted || l == nil || l.inst != q.Instance || l.limbo && t.head.Now >= t.dueAt(l) {
			continue
		}
		held[f] = true
		t.moveLimbo(l, false)
		l.deadline = max(t.ends(l), t.head.Now+q.Term.Microseconds())
		t.writeLease(l)
		deadlines[k] = l.deadline
	}
	// In a lossy recovery the instance may have sold units of leases that it does not name. A caller that names no lease only
	// settles what a dead process left, so its other leases may go.
	if me != nil && !t.unwritten() && (asserted || len(q.Fences) == 0) {
		for _, f := range slices.Clone(me.fences) {
			if l := t.leases[f]; !held[f] && l.req < q.Awaited {
				t.freeLease(l)
			}
		}
	}
	t.reopen()
	t.commit()
	return ledger.RenewReply{Head: t.view(q.Instance), Deadlines: deadlines}, nil
}

// GiveBack is giveback.lua.
func (t *Twin) GiveBack(raw int64, q ledger.GiveBackRequest) (ledger.GiveBackReply, error) {
	if err := t.open(raw, q.Birth); err != nil {
		return ledger.GiveBackReply{}, err
	}
	freed := uint64(0)
	for _, p := range q.Parts {
		l := t.leases[p.Fence]
		if l == nil || l.inst != q.Instance {
			continue
		}
		for _, r := range l.rem.CutAll(p.Range) {
			t.free.Add(r)
			*t.counter(l) -= uint64(r.Len())
			freed += uint64(r.Len())
		}
		if t.bounds.Lacks(GiveBackCloses) {
			t.freeLease(l)
			continue
		}
		t.writeLease(l)
	}
	t.head.Free += freed
	if freed > 0 {
		t.head.Gen++
	}
	t.commitCalm()
	return ledger.GiveBackReply{Head: t.view(q.Instance), Freed: freed}, nil
}

// Settle is settle.lua.
func (t *Twin) Settle(raw int64, q ledger.SettleRequest) (ledger.SettleReply, error) {
	if err := t.open(raw, q.Birth); err != nil {
		return ledger.SettleReply{}, err
	}
	if slices.ContainsFunc(q.Claims, func(c ledger.Claim) bool { return t.unsettleable(q.Instance, c) }) {
		return ledger.SettleReply{}, reassertFirst()
	}
	out := ledger.SettleReply{Verdicts: make([]ledger.Verdict, len(q.Claims))}
	b := settling{gathering: gathering{t: t}, old: q.Batch <= t.settledBatch(q.Instance)}
	for k, c := range q.Claims {
		out.Verdicts[k] = b.settle(c)
	}
	if !b.old {
		me := t.instance(q.Instance)
		me.node, me.seq = q.Node, q.Batch
	}
	b.write()
	t.commitCalm()
	out.Head = t.view(q.Instance)
	return out, nil
}

// settledBatch is the newest batch of an instance; 0: none. An instance that is only asked about is not noted.
func (t *Twin) settledBatch(inst string) uint64 {
	if me := t.instances[inst]; me != nil {
		return me.seq
	}
	return 0
}

// unsettleable says that only a re-assertion can tell what became of a claim, because its lease may be in lost history.
func (t *Twin) unsettleable(inst string, c ledger.Claim) bool {
	me := t.instances[inst]
	asserted := me != nil && me.era == t.head.Era
	o, owned := t.sold[c.Serial]
	owned = owned && o.outlasts(c)
	_, cancelled := t.answerKept(grave(c))
	return !asserted && !owned && !cancelled && c.Expiry > t.head.Now && !t.leased(c) && t.unheard(c.Fence)
}

// outlasts says that an owner has its serial by right. If the claim has a later fence, a pending owner is there only because
// its end is in lost history.
func (o owner) outlasts(c ledger.Claim) bool { return o.confirmed || o.fence >= c.Fence }

// settling is one batch.
type settling struct {
	gathering
	old bool // this batch was settled before
}

func (b *settling) settle(c ledger.Claim) ledger.Verdict {
	if _, cancelled := b.t.answerKept(grave(c)); cancelled && !b.t.leased(c) {
		return ledger.Kept
	}
	if o, known := b.t.sold[c.Serial]; known {
		if o.fence == c.Fence && o.nonce == c.Nonce {
			return ledger.Kept
		}
		if b.old && b.t.bounds.Lacks(ReplayRewrites) {
			b.t.sold[c.Serial] = owner{fence: c.Fence, nonce: c.Nonce, expiry: c.Expiry, confirmed: o.confirmed}
			return ledger.Kept
		}
		if o.outlasts(c) {
			return ledger.Resolved
		}
	}
	if c.Expiry <= b.t.head.Now {
		return ledger.TooLate
	}
	if !b.t.unlease(c) {
		return ledger.Resolved
	}
	b.add(c)
	return ledger.Kept
}
