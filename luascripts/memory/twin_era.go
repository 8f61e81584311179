package memory

import (
	"time"

	"spike/luascripts/ledger"
	"spike/shard"
)

// The twin and the history of the server it runs on.

// On sets the server on which the following calls run.
func (t *Twin) On(n Node) { t.node = n.capped() }

// recovering says that a new era grants nothing yet (E2).
func (t *Twin) recovering() bool { return t.shut > t.head.Now }

// pastEra is the last rev of an era, as far as it is known here.
type pastEra struct{ era, rev uint64 }

// origin is where a server has the ledger from, if its history is not the one in which the ledger was written.
type origin int

const (
	fromMemory  origin = iota // the same process: only its history's name is new
	fromDisk                  // the process has read its own file
	fromPrimary               // it was a replica, and had all that was written in the ledger's history
	fromUnknown               // what the server says fits none of these
)

func (t *Twin) origin() origin {
	switch n := t.node; {
	case t.bounds.Lacks(DiskIsPrimary) && n.Run != t.run && t.head.Replicas > 0:
		return fromPrimary
	case n.Run == 0 || n.Fed == FedUnknown:
	case n.Followed == 0 && n.Run == t.run:
		return fromMemory
	case n.Followed == 0 && n.Fed == NeverFed:
		return fromDisk
	case n.Followed == t.head.Era && n.Fed == WasFed:
		return fromPrimary
	}
	return fromUnknown
}

// mayLack says that somebody may have acted on answers that are newer than the ledger as it is here.
func (t *Twin) mayLack(from origin) bool {
	if from == fromDisk {
		return !t.synced || !t.node.File || t.bounds.Lacks(DiskForgets)
	}
	return from != fromPrimary || t.head.Replicas == 0
}

// pass lets ledger time pass: at most a step, whatever the clock says.
func (t *Twin) pass(raw int64) {
	t.head.Now += min(max(raw-t.head.Raw, 0), t.bounds.Step.Microseconds())
	t.head.Raw = raw
}

// enter begins a new era (E1, E2) if there is one. Otherwise it lets time pass and counts the replicas.
func (t *Twin) enter(raw int64) bool {
	n := t.node
	if t.head.Era == 0 {
		t.head.Era = n.Era
	}
	other := n.Era != 0 && n.Era != t.head.Era
	from := t.origin()
	if !other || from == fromMemory {
		t.pass(raw)
		if other {
			t.passOn()
			t.head.Era = n.Era
		}
		t.meet()
		t.head.Replicas = max(t.head.Replicas, n.Replicas)
		t.voteEnds()
		return false
	}
	lossy := t.mayLack(from)
	t.cutOff(lossy, from == fromDisk, uint64(max(t.head.Raw, raw)), n.Era)
	t.backup = from == fromDisk || t.recovering() && t.backup
	if t.bounds.Lacks(LostTime) && lossy {
		t.head.Now += max(raw-t.head.Raw, 0)
	}
	t.pass(raw)
	t.passOn()
	t.head.Era, t.run, t.began = n.Era, n.Run, t.head.Now
	t.early = t.began + t.bounds.Proof.Microseconds()
	were := t.wereBeforeVote()
	if from == fromPrimary && were > 0 {
		were--
		t.head.Replicas = max(t.head.Replicas, 1) - 1
	}
	t.seeAnew(from)
	t.meet()
	t.head.Replicas = max(t.head.Replicas, n.Replicas)
	t.votedOut(were)
	t.numbered += ledger.LostEvents
	t.close()
	return true
}

// cutOff marks where the history that is known here ends. Fences above that may have been used in lost history. If the ledger
// comes from a file, perhaps nobody is left to prove it. One file may come back twice, so the distance to the next fence
// depends on the era, which is drawn at random.
func (t *Twin) cutOff(lossy, file bool, raw, era uint64) {
	already := t.unwritten()
	if t.recovering() && !t.bounds.Lacks(FloorRises) {
		t.floor = min(t.floor, t.fence)
	} else {
		t.floor = t.fence
	}
	t.lossy = already || lossy
	if t.bounds.Lacks(FenceStays) || t.bounds.Lacks(FenceCounts) {
		return
	}
	t.fence = max(t.fence, raw)
	if t.lossy || file {
		t.fence += ledger.LostFences + era%65536*ledger.EraFences
	}
}

// passOn remembers the last rev of each era. An instance that has acted on a later rev proves that history was lost.
func (t *Twin) passOn() {
	t.past = append([]pastEra{{t.head.Era, t.head.Rev}}, t.past[:min(len(t.past), ledger.PastEras-1)]...)
}

// lose begins a lossy recovery in an era that seemed to have lost nothing, because somebody has proved that it has.
func (t *Twin) lose() {
	if t.unwritten() {
		return
	}
	t.cutOff(true, false, 0, t.head.Era)
	t.began = t.head.Now
	t.early = max(t.early, t.head.Now)
	t.close()
}

// close grants nothing until every promise from before this era is over. If nothing was lost, it grants nothing until every
// owner of a lease has re-asserted, and every living edge has had the time to prove a loss.
func (t *Twin) close() {
	wait := t.term + t.bounds.Margin.Microseconds()
	if !t.bounds.Lacks(NoProof) {
		wait = max(wait, t.bounds.Proof.Microseconds())
	}
	if t.lossy && !t.bounds.Lacks(ShortRecovery) {
		wait += t.covered()
	}
	t.shut = max(t.shut, t.began+wait)
	t.lengthen(t.shut) // winners cannot collect meanwhile
	if t.lossy {
		t.over = -1
	}
}

// catchUp moves ledger time, after a loss, to the latest time that a living edge has been told.
func (t *Twin) catchUp(told int64) {
	if !t.unwritten() || told <= t.head.Now || t.bounds.Lacks(DeafToTime) {
		return
	}
	t.early += told - t.head.Now
	t.head.Now, t.began = told, told
	t.close()
}

// unsure says that the true ledger time may be later than it is here, so nothing may be confirmed yet.
func (t *Twin) unsure() bool {
	return t.recovering() && t.head.Now < t.early && (t.lossy || t.backup) && !t.bounds.Lacks(ConfirmAtOnce)
}

// lasts notes the longest term of a lease: leases in lost history last as long.
func (t *Twin) lasts(term time.Duration) {
	if term.Microseconds() <= t.term {
		return
	}
	t.term = term.Microseconds()
	if t.recovering() {
		t.close()
	}
}

// unwritten says that promises may be alive that are not written here.
func (t *Twin) unwritten() bool { return t.recovering() && t.lossy }

// covered is how long a promise binds: the sale's hold, or the cover if the sale has none.
func (t *Twin) covered() int64 {
	if t.head.Hold > 0 {
		return t.head.Hold
	}
	return t.bounds.Cover.Microseconds()
}

// reopen ends a recovery early, if nothing was lost, every owner of a lease from before has re-asserted, and every living
// edge has had the time to prove a loss.
func (t *Twin) reopen() {
	lossy := t.lossy && !t.bounds.Lacks(EarlyRecovery)
	if !t.recovering() || lossy || t.head.Now < t.early && !t.bounds.Lacks(NoProof) {
		return
	}
	for _, l := range t.leases {
		if !l.limbo && l.fence <= t.floor && t.instance(l.inst).era != t.head.Era {
			return
		}
	}
	t.shut = 0
}

// unheard says that lost history may have had this lease, or more of it than is back. Its owner must first re-assert it, with
// all that the owner holds (E3).
func (t *Twin) unheard(fence uint64) bool {
	if !t.recovering() || fence <= t.floor || t.bounds.Lacks(NeverUnheard) {
		return false
	}
	l := t.leases[fence]
	return l == nil || t.instance(l.inst).era != t.head.Era
}

func reassertFirst() error {
	return &ledger.Refusal{Code: "REASSERT", Why: "the lease is not known here yet"}
}

// Reassert is reassert.lua.
func (t *Twin) Reassert(raw int64, q ledger.ReassertRequest) (ledger.ReassertReply, error) {
	if err := t.open(raw, q.Birth); err != nil {
		return ledger.ReassertReply{}, err
	}
	t.lasts(q.Term)
	if q.Era != t.head.Era {
		t.commit()
		return ledger.ReassertReply{Head: t.view(q.Instance)}, nil
	}
	if t.proves(q) {
		t.lose()
	}
	t.catchUp(q.Told)
	if me := t.instance(q.Instance); me.era != q.Era {
		for _, h := range q.Leases {
			t.assert(q, h)
		}
		me.node, me.era = q.Node, q.Era
		t.reopen()
	}
	t.commit()
	out := ledger.ReassertReply{Head: t.view(q.Instance)}
	for _, h := range q.Leases {
		g := ledger.Grant{Fence: h.Fence}
		if l := t.leases[h.Fence]; l != nil && l.inst == q.Instance {
			g = t.grantOf(l)
		}
		out.Grants = append(out.Grants, g)
	}
	return out, nil
}

func (t *Twin) assert(q ledger.ReassertRequest, h ledger.Held) {
	switch l := t.leases[h.Fence]; {
	case l != nil && l.inst != q.Instance:
	case t.recovering() && h.Fence > t.floor && !t.bounds.Lacks(NeverUnheard):
		t.restore(q, h)
	case l != nil:
		t.keep(l, h)
	}
}

// proves says that the instance has acted on answers that are not written here, or holds a lease that is not.
func (t *Twin) proves(q ledger.ReassertRequest) bool {
	for _, h := range q.Leases {
		if t.unheard(h.Fence) {
			return true
		}
	}
	switch q.Was {
	case 0:
		return false
	case t.head.Era: // an old primary has come back with its old history
		return q.LastApplied > t.head.Rev
	}
	for _, p := range t.past {
		if p.era == q.Was {
			return q.LastApplied > p.rev
		}
	}
	return true
}

// keep frees what the owner does not name, unless that may have been sold in lost history.
func (t *Twin) keep(l *lease, h ledger.Held) {
	if t.unwritten() {
		return
	}
	var kept ledger.RangeSet
	for _, r := range h.Ranges {
		for _, got := range l.rem.CutAll(r) {
			kept.Add(got)
		}
	}
	t.letGo(l, l.rem.Ranges())
	if l.rem.Len() > 0 {
		t.head.Gen++
	}
	l.rem = kept
	t.writeLease(l)
}

// letGo frees ranges that have been cut from a lease.
func (t *Twin) letGo(l *lease, ranges ledger.Ranges) {
	for _, r := range ranges {
		t.free.Add(r)
	}
	*t.counter(l) -= ranges.Len()
	t.head.Free += ranges.Len()
}

// restore brings back a lease of lost history.
func (t *Twin) restore(q ledger.ReassertRequest, h ledger.Held) {
	l := t.found(q, h)
	for _, r := range h.Ranges {
		for _, got := range t.takeOver(h.Fence, shard.Range{Start: r.Start, End: uint32(min(uint64(r.End), t.head.Total+1))}) {
			l.rem.Add(got)
			t.head.Leased += uint64(got.Len())
		}
	}
	soon := t.head.Now + q.Term.Microseconds()
	l.deadline = max(t.ends(l), min(max(h.Deadline, soon), soon+t.covered()))
	t.fence = max(t.fence, h.Fence)
	t.head.Lots.Kept = min(t.head.Lots.Kept, t.head.Free) // a sold unit goes before a unit kept for a winner
	t.writeLease(l)
}

// found is a lease of lost history: what is back of it already, or an empty one.
func (t *Twin) found(q ledger.ReassertRequest, h ledger.Held) *lease {
	if l := t.leases[h.Fence]; l != nil {
		t.moveLimbo(l, false)
		return l
	}
	l := &lease{fence: h.Fence, inst: q.Instance, req: h.Request, hold: t.covered()}
	t.leases[l.fence] = l
	me := t.instance(q.Instance)
	me.fences = append(me.fences, l.fence)
	return l
}

// takeOver cuts every serial of r that nobody has by a higher right, and returns it. It first frees what leases and pending
// owners with lower fences have of r.
func (t *Twin) takeOver(fence uint64, r shard.Range) ledger.Ranges {
	if r.Start >= r.End {
		return nil
	}
	if t.bounds.Lacks(AssertFree) {
		fence = 0
	}
	t.disown(fence, r)
	for _, f := range sortedKeys(t.leases) {
		if l := t.leases[f]; f < fence {
			if got := l.rem.CutAll(r); len(got) > 0 {
				t.letGo(l, got)
				t.writeLease(l)
			}
		}
	}
	got := t.free.CutAll(r)
	t.head.Free -= got.Len()
	return got
}

// disown ends the reservations in r that have lower fences. They had ended before the serial was leased again.
func (t *Twin) disown(fence uint64, r shard.Range) {
	var gone []uint32
	for s := r.Start; s < r.End; s++ {
		if o, owned := t.sold[s]; owned && !o.confirmed && o.fence < fence {
			gone = append(gone, s)
		}
	}
	t.unown(ledger.Expired, gone)
}
