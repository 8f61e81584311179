package luascripts

import (
	"cmp"
	"slices"

	"spike/shard"
)

// Twin is the ledger of one sale in memory, the scripts said again in Go: the same inputs at the same times give the
// same replies. It has no clock, no I/O and no lock; every method takes the store's clock (Unix microseconds).
type Twin struct {
	bounds    Bounds
	head      Head // Recall and State are worked out for each reply
	door      State
	prior     uint64
	fence     uint64
	wish      int64
	wisher    string
	free      rangeSet
	leases    map[uint64]*lease
	instances map[string]*instance
	sold      map[uint32]owner
	holds     holdQueue
	adds      map[string]bool
}

type lease struct {
	fence    uint64
	inst     string
	req      uint64
	deadline int64
	hold     int64
	limbo    bool
	rem      rangeSet
}

type instance struct {
	node   string
	seq    uint64
	asked  int64
	fences []uint64
}

type owner struct {
	fence, nonce uint64
	expiry       int64
	confirmed    bool
}

// NewTwin is create.lua.
func NewTwin(raw int64, q CreateRequest, b Bounds) *Twin {
	t := &Twin{bounds: b, leases: map[uint64]*lease{}, instances: map[string]*instance{}, sold: map[uint32]owner{},
		adds: map[string]bool{}, wisher: "-"}
	t.head = Head{Raw: raw, Now: raw, Birth: uint64(raw), Total: q.Total, Free: q.Total,
		Hold: q.Hold.Microseconds(), Opens: unixMicro(q.Opens), Closes: unixMicro(q.Closes)}
	if q.Total > 0 {
		t.free.add(shard.Range{Start: 1, End: uint32(q.Total) + 1})
	}
	t.commit()
	return t
}

// open lets ledger time pass, and refuses who believes in another sale.
func (t *Twin) open(raw int64, birth uint64) error {
	if birth != 0 && birth != t.head.Birth {
		return &Refusal{Code: "BIRTH", Why: "it is another sale now"}
	}
	t.head.Now += min(max(raw-t.head.Raw, 0), t.bounds.Step.Microseconds())
	t.head.Raw = raw
	return nil
}

func (t *Twin) commit() { t.head.Rev++ }

func (t *Twin) state() State {
	h := t.head
	switch {
	case t.door != Open:
		return t.door
	case h.Closes > 0 && h.Raw >= h.Closes:
		return Closed
	case h.Raw < h.Opens:
		return Unopened
	}
	return Open
}

func (t *Twin) view(inst string) Head {
	h := t.head
	h.Recall = t.wish > h.Now && t.wisher != inst
	h.State = t.state()
	return h
}

func (t *Twin) newFence() uint64 {
	t.fence = max(t.fence+1, uint64(t.head.Raw))
	return t.fence
}

func (t *Twin) instance(id string) *instance {
	if t.instances[id] == nil {
		t.instances[id] = &instance{node: "-"}
	}
	return t.instances[id]
}

// counter is where the units of a lease are counted.
func (t *Twin) counter(l *lease) *uint64 {
	if l.limbo {
		return &t.head.Limbo
	}
	return &t.head.Leased
}

// drop ends a lease of which nothing is left.
func (t *Twin) drop(l *lease) {
	if len(l.rem.list) > 0 {
		return
	}
	delete(t.leases, l.fence)
	i := t.instance(l.inst)
	i.fences = slices.DeleteFunc(i.fences, func(f uint64) bool { return f == l.fence })
}

func (t *Twin) due(l *lease) int64 {
	due := l.deadline + t.bounds.Margin.Microseconds()
	if l.limbo {
		due += l.hold
	}
	return due
}

func (t *Twin) freeLease(l *lease) {
	n := l.rem.len()
	for _, r := range l.rem.list {
		t.free.add(r)
	}
	*t.counter(l) -= n
	t.head.Free += n
	if n > 0 {
		t.head.Gen++
	}
	l.rem.list = nil
	t.drop(l)
}

func (t *Twin) toLimbo(l *lease) {
	n := l.rem.len()
	l.limbo = true
	t.head.Leased -= n
	t.head.Limbo += n
}

func (t *Twin) fromLimbo(l *lease) {
	n := l.rem.len()
	l.limbo = false
	t.head.Limbo -= n
	t.head.Leased += n
}

func (t *Twin) sweep() {
	var due []*lease
	for _, l := range t.leases {
		if t.due(l) <= t.head.Now {
			due = append(due, l)
		}
	}
	slices.SortFunc(due, func(a, b *lease) int {
		return cmp.Or(cmp.Compare(t.due(a), t.due(b)), cmp.Compare(a.fence, b.fence))
	})
	due = due[:min(len(due), t.bounds.Sweep)]
	for _, l := range due {
		if l.limbo {
			t.freeLease(l)
		} else {
			t.toLimbo(l)
		}
	}
	if rest := t.bounds.Sweep - len(due); rest > 0 {
		t.sweepHolds(rest)
	}
}

func (t *Twin) sweepHolds(most int) {
	n := uint64(0)
	for ; n < uint64(most); n++ {
		serial, due := t.holds.popDue(t.head.Now)
		if !due {
			break
		}
		delete(t.sold, serial)
		t.free.add(shard.Range{Start: serial, End: serial + 1})
	}
	t.head.Pending -= n
	t.head.Free += n
	if n > 0 {
		t.head.Gen++
	}
}

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

// Show is show.lua.
func (t *Twin) Show(raw int64) ShowReply {
	h := t.head
	defer func() { t.head = h }()
	_ = t.open(raw, 0)
	return ShowReply{Head: t.view("-")}
}

// Change is change.lua.
func (t *Twin) Change(raw int64, q ChangeRequest) (Head, error) {
	if err := t.open(raw, 0); err != nil {
		return Head{}, err
	}
	wanted := q.Add > 0 && !t.adds[q.Request]
	if wanted && t.head.Total+q.Add > MaxSerial {
		return Head{}, tooMany()
	}
	if q.To != "" && q.To != Closed.String() && t.door == Closed {
		return Head{}, &Refusal{Code: "CLOSED", Why: "the sale is closed"}
	}
	if wanted {
		t.adds[q.Request] = true
		t.free.add(shard.Range{Start: uint32(t.head.Total) + 1, End: uint32(t.head.Total+q.Add) + 1})
		t.head.Total += q.Add
		t.head.Free += q.Add
		t.head.Gen++
	}
	if q.To != "" {
		t.door = doors[q.To]
	}
	t.commit()
	return t.view("-"), nil
}

var doors = map[string]State{"open": Open, "paused": Paused, "closed": Closed}

// holdings is audit.lua and owned.lua.
func (t *Twin) holdings() holdings {
	out := holdings{head: t.head, owned: uint64(len(t.sold)), prior: t.prior, free: slices.Clone(t.free.list),
		census: &census{}}
	for _, f := range sortedKeys(t.leases) {
		l := t.leases[f]
		out.leases = append(out.leases, leaseHolding{l.fence, l.limbo, slices.Clone(l.rem.list)})
	}
	for s, o := range t.sold {
		if o.confirmed {
			out.census.confirmed++
		} else {
			out.census.pending++
		}
		if t.liesElsewhere(s) {
			out.census.twice = append(out.census.twice, s)
		}
	}
	return out
}

func (t *Twin) liesElsewhere(s uint32) bool {
	for _, l := range t.leases {
		if l.rem.has(s) {
			return true
		}
	}
	return t.free.has(s)
}

func sortedKeys[V any](m map[uint64]V) []uint64 {
	keys := make([]uint64, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
