package luascripts

import (
	"slices"

	"spike/shard"
)

// The twin and the history of the server it runs on.

// On says on which server the following calls run.
func (t *Twin) On(n Node) { t.node = n }

// recovering says that a new era grants nothing yet (E2).
func (t *Twin) recovering() bool { return t.shut > t.head.Now }

// lost says that history after the ledger as it is here may be lost, and lossy, that somebody may have acted on it.
func (t *Twin) lost() (lost, lossy bool) {
	lost = t.node.Era != 0 && t.node.Era != t.head.Era
	fromDisk := t.node.Started+t.bounds.Margin.Microseconds() > t.head.Raw
	if fromDisk {
		return lost, lost && !t.synced
	}
	return lost, lost && t.head.Replicas == 0
}

// enter begins a new era (E1, E2), or lets time pass and counts the replicas.
func (t *Twin) enter(raw int64) bool {
	if t.head.Era == 0 {
		t.head.Era = t.node.Era
	}
	lost, lossy := t.lost()
	gap := max(raw-t.head.Raw, 0)
	if !lossy {
		gap = min(gap, t.bounds.Step.Microseconds())
	}
	t.head.Now += gap
	t.head.Raw = raw
	if !lost {
		t.head.Replicas = max(t.head.Replicas, t.node.Replicas)
		return false
	}
	t.head.Era, t.head.Replicas = t.node.Era, t.node.Replicas
	t.floor, t.lossy = t.fence, lossy
	t.shut = t.head.Now + t.term + t.bounds.Margin.Microseconds()
	if lossy {
		t.shut += t.covered()
	}
	t.numbered += lostEvents
	return true
}

// covered is how long a promise binds: the sale's hold, or what stands for it.
func (t *Twin) covered() int64 {
	if t.head.Hold > 0 {
		return t.head.Hold
	}
	return t.bounds.Cover.Microseconds()
}

// beginEra moves every deadline as if its lease were renewed now: a renewal may be lost.
func (t *Twin) beginEra() {
	for _, l := range t.leases {
		l.deadline = max(l.deadline, t.head.Now+t.term)
	}
	t.reopen()
	t.commit()
}

// reopen ends a recovery before its time: nothing was lost, and every owner of a lease from before has said what it has.
func (t *Twin) reopen() {
	if t.lossy {
		return
	}
	for _, l := range t.leases {
		if !l.limbo && l.fence <= t.floor && t.instance(l.inst).era != t.head.Era {
			return
		}
	}
	t.shut = 0
}

// unheard says that history lost may have had this lease: its owner must re-assert it first (E3).
func (t *Twin) unheard(fence uint64) bool {
	return t.recovering() && fence > t.floor && t.leases[fence] == nil
}

func reassertFirst() error { return &Refusal{Code: "REASSERT", Why: "the lease is not known here yet"} }

// Reopen is reopen.lua.
func (t *Twin) Reopen(raw int64, era uint64, grants bool) (Head, error) {
	if err := t.open(raw, 0); err != nil {
		return Head{}, err
	}
	same := era == 0 || era == t.head.Era
	if same {
		t.head.Replicas = t.node.Replicas
	}
	if same && grants {
		t.shut = 0
	}
	t.commit()
	return t.view("-"), nil
}

// Reassert is reassert.lua.
func (t *Twin) Reassert(raw int64, q ReassertRequest) (ReassertReply, error) {
	if err := t.open(raw, q.Birth); err != nil {
		return ReassertReply{}, err
	}
	t.term = max(t.term, q.Term.Microseconds())
	if q.Era != t.head.Era {
		t.commit()
		return ReassertReply{Head: t.view(q.Instance)}, nil
	}
	if me := t.instance(q.Instance); me.era != q.Era {
		for _, h := range q.Leases {
			t.assert(q, h)
		}
		me.node, me.era = q.Node, q.Era
		t.reopen()
	}
	t.commit()
	out := ReassertReply{Head: t.view(q.Instance)}
	for _, h := range q.Leases {
		g := Grant{Fence: h.Fence}
		if l := t.leases[h.Fence]; l != nil && l.inst == q.Instance {
			g = Grant{Fence: l.fence, Deadline: l.deadline, Hold: l.hold, Ranges: slices.Clone(l.rem.list)}
		}
		out.Grants = append(out.Grants, g)
	}
	return out, nil
}

func (t *Twin) assert(q ReassertRequest, h Held) {
	switch l := t.leases[h.Fence]; {
	case l != nil && l.inst == q.Instance:
		t.keep(l, h.Ranges)
	case l == nil && t.unheard(h.Fence):
		t.restore(q, h)
	}
}

// keep lets go of what the owner does not name.
func (t *Twin) keep(l *lease, ranges Ranges) {
	var kept Ranges
	for _, r := range ranges {
		kept = append(kept, l.rem.cutAll(r)...)
	}
	t.letGo(l, l.rem.list)
	if len(l.rem.list) > 0 {
		t.head.Gen++
	}
	l.rem.list = kept
	t.drop(l)
}

// letGo frees ranges that have left a lease.
func (t *Twin) letGo(l *lease, ranges Ranges) {
	for _, r := range ranges {
		t.free.add(r)
	}
	*t.counter(l) -= ranges.Len()
	t.head.Free += ranges.Len()
}

// restore brings back a lease of lost history.
func (t *Twin) restore(q ReassertRequest, h Held) {
	l := &lease{fence: h.Fence, inst: q.Instance, req: h.Request, hold: t.covered(),
		deadline: max(h.Deadline, t.head.Now+q.Term.Microseconds())}
	for _, r := range h.Ranges {
		for _, got := range t.takeOver(h.Fence, shard.Range{Start: r.Start, End: uint32(min(uint64(r.End), t.head.Total+1))}) {
			l.rem.add(got)
		}
	}
	t.fence = max(t.fence, h.Fence)
	if len(l.rem.list) == 0 {
		return
	}
	t.head.Leased += l.rem.Len()
	t.leases[l.fence] = l
	me := t.instance(q.Instance)
	me.fences = append(me.fences, l.fence)
}

// takeOver is every serial of r without a better right: what lower fences have goes free first.
func (t *Twin) takeOver(fence uint64, r shard.Range) Ranges {
	if r.Start >= r.End {
		return nil
	}
	t.disown(fence, r)
	for _, f := range sortedKeys(t.leases) {
		if l := t.leases[f]; f < fence {
			t.letGo(l, l.rem.cutAll(r))
			t.drop(l)
		}
	}
	got := t.free.cutAll(r)
	t.head.Free -= got.Len()
	return got
}

// disown takes pending owners under lower fences out of r: they had ended before the serial was leased again.
func (t *Twin) disown(fence uint64, r shard.Range) {
	var gone []uint32
	for s := r.Start; s < r.End; s++ {
		if o, owned := t.sold[s]; owned && !o.confirmed && o.fence < fence {
			gone = append(gone, s)
		}
	}
	t.unown(Expired, gone)
}
