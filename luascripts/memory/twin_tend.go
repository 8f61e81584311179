package memory

import (
	"spike/luascripts/ledger"
)

// tended belongs to the newest calm script: last is the rev that it left, and anchor is the rev of the newest script before
// it that gave somebody a time.
type tended struct{ anchor, last uint64 }

// anchor is the rev of the newest script that may have given somebody a time.
func (t *Twin) anchor() uint64 {
	if t.tended.last != t.head.Rev {
		return t.head.Rev
	}
	return t.tended.anchor
}

// commitCalm ends a calm script: one that gives nobody a time to count from, no deadline and no hold.
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

// next is when the first hold or the recovery may be over.
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
