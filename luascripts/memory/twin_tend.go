package memory

import (
	"spike/luascripts/ledger"
)

// tended is the rev of the newest script that somebody may have a time from, as the newest calm one saw it, and the rev that
// one left.
type tended struct{ anchor, last uint64 }

// anchor is the rev of the newest script that somebody may have a time from.
func (t *Twin) anchor() uint64 {
	if t.tended.last != t.head.Rev {
		return t.head.Rev
	}
	return t.tended.anchor
}

// commitCalm ends a script that gives nobody a time to count from: no deadline, no hold.
func (t *Twin) commitCalm() {
	anchor := t.anchor()
	t.commit()
	t.tended = tended{anchor, t.head.Rev}
}

// Tend is tend.lua.
func (t *Twin) Tend(raw int64, q ledger.TendRequest) (ledger.TendReply, error) {
	if err := t.open(raw, q.Birth); err != nil {
		return ledger.TendReply{}, err
	}
	h := &t.head
	if q.Rev > 0 && q.Era == h.Era && (q.Rev >= t.anchor() || t.bounds.Lacks(OldWitness)) {
		h.Now = max(h.Now, q.Now+min(q.Ago.Microseconds(), h.Raw-q.Raw))
	}
	freed := t.sweep(max(1, min(q.Most, ledger.MaxExpire)))
	t.commitCalm()
	return ledger.TendReply{Head: t.view("-"), Freed: freed, Next: t.next()}, nil
}

// next is when a hold may be over, or a recovery is.
func (t *Twin) next() (at int64) {
	earliest := func(when int64) {
		if at == 0 || when < at {
			at = when
		}
	}
	switch {
	case t.due:
		earliest(t.head.Now)
	case t.recovering():
		earliest(t.shut)
	}
	if when, some := t.holds.first(); some {
		earliest(when)
	}
	return at
}
