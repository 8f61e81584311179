package luascripts

import (
	"slices"
	"time"

	"spike/shard"
)

// The twin and the history of the server it runs on.

// On says on which server the following calls run.
func (t *Twin) On(n Node) { t.node = n }

// recovering says that a new era grants nothing yet (E2).
func (t *Twin) recovering() bool { return t.shut > t.head.Now }

// pastEra is how far an era came, as far as it is known here.
type pastEra struct{ era, rev uint64 }

// origin is where a server may have the ledger from, when its history is not the one the ledger was written in.
type origin int

const (
	fromMemory  origin = iota // only the name is new
	fromDisk                  // the process may have begun after the ledger was last written
	fromPrimary               // it was a replica
)

func (t *Twin) origin() origin {
	switch n := t.node; {
	case n.Run != 0 && n.Run == t.run && !n.Followed:
		return fromMemory
	case n.Started+t.bounds.Margin.Microseconds() > t.head.Raw:
		return fromDisk
	}
	return fromPrimary
}

// mayLack says that somebody may have acted on what came after the ledger as it is here.
func (t *Twin) mayLack(from origin) bool {
	if from == fromDisk {
		return !t.synced || !t.node.File || t.node.Followed
	}
	return t.head.Replicas == 0
}

func (t *Twin) pass(raw int64, all bool) {
	gap := max(raw-t.head.Raw, 0)
	if !all || t.bounds.Lacks(LostTime) {
		gap = min(gap, t.bounds.Step.Microseconds())
	}
	t.unpassed = max(raw-t.head.Raw, 0) - gap
	t.head.Now += gap
	t.head.Raw = raw
}

// enter begins a new era (E1, E2), or lets time pass and counts the replicas.
func (t *Twin) enter(raw int64) bool {
	n := t.node
	if t.head.Era == 0 {
		t.head.Era = n.Era
	}
	other := n.Era != 0 && n.Era != t.head.Era
	from := t.origin()
	if !other || from == fromMemory {
		t.pass(raw, false)
		if other {
			t.passOn()
			t.head.Era = n.Era
		}
		t.head.Replicas = max(t.head.Replicas, n.Replicas)
		return false
	}
	lossy := t.mayLack(from)
	t.pass(raw, lossy)
	if t.recovering() {
		t.lossy, t.floor = t.lossy || lossy, min(t.floor, t.fence)
	} else {
		t.lossy, t.floor = lossy, t.fence
	}
	t.passOn()
	t.head.Era, t.run, t.began = n.Era, n.Run, t.head.Now
	t.early = t.began + t.bounds.Margin.Microseconds()
	if from == fromPrimary {
		t.early = t.began + t.bounds.Proof.Microseconds()
	}
	if from == fromPrimary && t.head.Replicas > 0 {
		t.head.Replicas--
	}
	t.head.Replicas = max(t.head.Replicas, n.Replicas)
	t.numbered += lostEvents
	t.close()
	return true
}

// passOn remembers how far the last eras came, as far as it is known here: who acted on more proves that it was lost.
func (t *Twin) passOn() {
	t.past = append([]pastEra{{t.head.Era, t.head.Rev}}, t.past[:min(len(t.past), pastEras-1)]...)
}

// lose begins a recovery in an era that seemed to have lost nothing: somebody has proved that it has.
func (t *Twin) lose() {
	if t.unwritten() {
		return
	}
	if t.recovering() {
		t.floor = min(t.floor, t.fence)
	} else {
		t.floor = t.fence
	}
	t.head.Now, t.unpassed = t.head.Now+t.unpassed, 0
	t.began, t.lossy = t.head.Now, true
	t.close()
	t.beginEra()
}

// close grants nothing until every promise from before this era is over; or, where nothing is lost, until every owner of a
// lease has spoken.
func (t *Twin) close() {
	shut := t.began + t.term + t.bounds.Margin.Microseconds()
	if t.lossy && !t.bounds.Lacks(ShortRecovery) {
		shut += t.covered()
	}
	t.shut = max(t.shut, shut)
	t.prolong(t.shut) // winners cannot collect meanwhile
}

// lasts notes how long leases last: those in lost history, too.
func (t *Twin) lasts(term time.Duration) {
	if term.Microseconds() <= t.term {
		return
	}
	t.term = term.Microseconds()
	if t.recovering() {
		t.close()
	}
}

// ended says that a lease with this deadline had ended, and its units were free, before the era began.
func (t *Twin) ended(deadline int64) bool {
	return deadline+t.covered()+t.bounds.Margin.Microseconds() <= t.began
}

// unwritten says that promises may be alive that are not written here.
func (t *Twin) unwritten() bool { return t.recovering() && t.lossy }

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
		if t.lossy && t.ended(l.deadline) {
			t.moveLimbo(l, true)
			l.doubtful = true
		}
		l.deadline = max(l.deadline, t.head.Now+t.term)
	}
	t.commit()
}

// reopen ends a recovery before its time: nothing was lost, every owner of a lease from before has said what it has, and
// whoever lives has had a while to prove that something was.
func (t *Twin) reopen() {
	lossy := t.lossy && !t.bounds.Lacks(EarlyRecovery)
	if !t.recovering() || lossy || t.head.Now < t.early {
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
	return t.recovering() && fence > t.floor && t.leases[fence] == nil && !t.bounds.Lacks(NeverUnheard)
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
	t.lasts(q.Term)
	if q.Era != t.head.Era {
		t.commit()
		return ReassertReply{Head: t.view(q.Instance)}, nil
	}
	if t.proves(q) {
		t.lose()
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
		if l := t.leases[h.Fence]; l != nil && l.inst == q.Instance && !l.doubtful {
			g = Grant{Fence: l.fence, Deadline: l.deadline, Hold: l.hold, Ranges: slices.Clone(l.rem.list)}
		}
		out.Grants = append(out.Grants, g)
	}
	return out, nil
}

func (t *Twin) assert(q ReassertRequest, h Held) {
	switch l := t.leases[h.Fence]; {
	case l != nil && l.inst == q.Instance:
		t.keep(l, h)
	case l == nil && t.unheard(h.Fence) && !t.ended(h.Deadline):
		t.restore(q, h)
	}
}

// proves says that the instance has acted on answers that are not written here, or holds a lease that is not.
func (t *Twin) proves(q ReassertRequest) bool {
	for _, h := range q.Leases {
		if t.unheard(h.Fence) && !t.ended(h.Deadline) {
			return true
		}
	}
	switch q.Was {
	case 0:
		return false
	case t.head.Era: // a primary of old has come back under its name
		return q.Acted > t.head.Rev
	}
	for _, p := range t.past {
		if p.era == q.Was {
			return q.Acted > p.rev
		}
	}
	return true
}

// keep lets go of what the owner does not name, unless it may have been sold in lost history.
func (t *Twin) keep(l *lease, h Held) {
	if l.doubtful && !t.ended(h.Deadline) { // it was renewed in lost history
		t.moveLimbo(l, false)
		l.doubtful, l.deadline = false, max(l.deadline, h.Deadline)
	}
	if t.unwritten() {
		return
	}
	var kept Ranges
	for _, r := range h.Ranges {
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
	t.head.Lots.Kept = min(t.head.Lots.Kept, t.head.Free) // who has sold a unit has the better right
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
	if t.bounds.Lacks(AssertFree) {
		fence = 0
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
