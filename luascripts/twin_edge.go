package luascripts

import (
	"slices"

	"spike/shard"
)

// What edges ask of the twin.

// Lease is lease.lua.
func (t *Twin) Lease(raw int64, q LeaseRequest) (LeaseReply, error) {
	if err := t.open(raw, q.Birth); err != nil {
		return LeaseReply{}, err
	}
	t.sweep()
	l := t.leaseFor(q)
	t.commit()
	out := LeaseReply{Head: t.view(q.Instance)}
	if l != nil {
		out.Grant = Grant{Fence: l.fence, Deadline: l.deadline, Hold: l.hold, Ranges: slices.Clone(l.rem.list)}
	}
	return out, nil
}

// leaseFor is the request's lease: the one it was granted before, a new one, or none.
func (t *Twin) leaseFor(q LeaseRequest) *lease {
	me := t.instance(q.Instance)
	me.node, me.asked = q.Node, t.head.Now
	for _, f := range me.fences {
		if l := t.leases[f]; l.req == q.Request {
			return l
		}
	}
	if t.state() != Open {
		return nil
	}
	got := t.free.takeLowest(min(q.Want, t.fairPart(q.Instance)), t.bounds.Ranges)
	if len(got) > 0 {
		return t.grant(me, q, got)
	}
	if q.Hungry && t.head.Leased > 0 {
		t.wish, t.wisher = t.head.Now+t.bounds.Wish.Microseconds(), q.Instance
	}
	return nil
}

func (t *Twin) grant(me *instance, q LeaseRequest, got Ranges) *lease {
	l := &lease{fence: t.newFence(), inst: q.Instance, req: q.Request, hold: t.head.Hold,
		deadline: t.head.Now + q.Term.Microseconds(), rem: rangeSet{list: got}}
	if l.hold == 0 {
		l.hold = t.bounds.Cover.Microseconds()
	}
	me.fences = append(me.fences, l.fence)
	t.leases[l.fence] = l
	t.head.Free -= got.Len()
	t.head.Leased += got.Len()
	return l
}

func (t *Twin) fairPart(self string) uint64 {
	active := uint64(0)
	for id, i := range t.instances {
		switch {
		case id == self:
		case i.asked > t.head.Now-t.bounds.Active.Microseconds():
			active++
		case len(i.fences) == 0 && i.asked < t.head.Now-t.bounds.Forget.Microseconds():
			delete(t.instances, id)
		}
	}
	return (t.head.Free + active + 1) / (active + 2)
}

// Renew is renew.lua.
func (t *Twin) Renew(raw int64, q RenewRequest) (RenewReply, error) {
	if err := t.open(raw, q.Birth); err != nil {
		return RenewReply{}, err
	}
	t.sweep()
	held := map[uint64]bool{}
	deadlines := make([]int64, len(q.Fences))
	for k, f := range q.Fences {
		l := t.leases[f]
		if l == nil || l.inst != q.Instance || l.limbo && t.head.Now >= t.due(l) {
			continue
		}
		held[f] = true
		if l.limbo {
			t.fromLimbo(l)
		}
		l.deadline = max(l.deadline, t.head.Now+q.Term.Microseconds())
		deadlines[k] = l.deadline
	}
	if me := t.instances[q.Instance]; me != nil {
		for _, f := range slices.Clone(me.fences) {
			if l := t.leases[f]; !held[f] && l.req < q.Awaited {
				t.freeLease(l)
			}
		}
	}
	t.commit()
	return RenewReply{Head: t.view(q.Instance), Deadlines: deadlines}, nil
}

// GiveBack is giveback.lua.
func (t *Twin) GiveBack(raw int64, q GiveBackRequest) (GiveBackReply, error) {
	if err := t.open(raw, q.Birth); err != nil {
		return GiveBackReply{}, err
	}
	freed := uint64(0)
	for _, p := range q.Parts {
		l := t.leases[p.Fence]
		if l == nil || l.inst != q.Instance {
			continue
		}
		for _, r := range l.rem.cutAll(p.Range) {
			t.free.add(r)
			*t.counter(l) -= uint64(r.Len())
			freed += uint64(r.Len())
		}
		t.drop(l)
	}
	t.head.Free += freed
	if freed > 0 {
		t.head.Gen++
	}
	t.commit()
	return GiveBackReply{Head: t.view(q.Instance), Freed: freed}, nil
}

// Settle is settle.lua.
func (t *Twin) Settle(raw int64, q SettleRequest) (SettleReply, error) {
	if err := t.open(raw, q.Birth); err != nil {
		return SettleReply{}, err
	}
	out := SettleReply{Verdicts: make([]Verdict, len(q.Claims))}
	for k, c := range q.Claims {
		out.Verdicts[k] = t.settleOne(c)
	}
	if me := t.instance(q.Instance); q.Batch > me.seq {
		me.node, me.seq = q.Node, q.Batch
	}
	t.commit()
	out.Head = t.view(q.Instance)
	return out, nil
}

func (t *Twin) settleOne(c Claim) Verdict {
	if o, known := t.sold[c.Serial]; known {
		if o.fence == c.Fence && o.nonce == c.Nonce {
			return Kept
		}
		return Resolved
	}
	if c.Expiry <= t.head.Now {
		return TooLate
	}
	l := t.leases[c.Fence]
	if l == nil || !l.rem.cut(shard.Range{Start: c.Serial, End: c.Serial + c.Count}) {
		return Resolved
	}
	*t.counter(l) -= uint64(c.Count)
	t.own(c)
	t.drop(l)
	return Kept
}

// own writes a buyer's serials down.
func (t *Twin) own(c Claim) {
	expiry := c.Expiry
	if t.head.Hold == 0 {
		expiry = 0
	}
	for s := c.Serial; s < c.Serial+c.Count; s++ {
		t.sold[s] = owner{fence: c.Fence, nonce: c.Nonce, expiry: expiry}
		if expiry > 0 {
			t.holds.push(expiry, s)
		}
	}
	t.head.Pending += uint64(c.Count)
}

// Deduct is deduct.lua.
func (t *Twin) Deduct(raw int64, q DeductRequest) (DeductReply, error) {
	if err := t.open(raw, q.Birth); err != nil {
		return DeductReply{}, err
	}
	if q.Latest > 0 && raw > q.Latest {
		return DeductReply{}, &Refusal{Code: "LATE", Why: "nobody waits for this buy any more"}
	}
	t.sweep()
	var out DeductReply
	if t.state() == Open {
		if first, ok := t.free.takeRun(q.N, t.bounds.Search); ok {
			out.Claim = Claim{Serial: first, Count: q.N, Fence: t.newFence(), Nonce: q.Nonce, Buyer: q.Buyer}
			if t.head.Hold > 0 {
				out.Claim.Expiry = t.head.Now + t.head.Hold
			}
			t.head.Free -= uint64(q.N)
			t.own(out.Claim)
		}
	}
	t.commit()
	out.Head = t.view("-")
	return out, nil
}
