package luascripts

import (
	"context"
	"time"
)

// Witness is an answer that the caller has had, and for how long, by a monotonic clock. Rev 0: none.
type Witness struct {
	Era, Rev uint64
	Now, Raw int64
	Ago      time.Duration
}

// Seen is a witness of this answer.
func (h Head) Seen(ago time.Duration) Witness { return Witness{h.Era, h.Rev, h.Now, h.Raw, ago} }

// TendRequest lets ledger time pass as far as the caller has lived through it, and ends what is over, looking at up to about
// Most items.
type TendRequest struct {
	Birth uint64 // of the sale the caller believes in; 0: any
	Most  int
	Witness
}

// TendReply says how many units went free, and at which ledger time a hold may be over, or a recovery is; 0: at none.
// Leases end as well: who sees some in Head comes sooner.
type TendReply struct {
	Head
	Freed uint64
	Next  int64
}

// Until is how long it takes until there is more to do; 0: there is nothing.
func (r TendReply) Until() time.Duration {
	if r.Next == 0 {
		return 0
	}
	return max(time.Duration(r.Next-r.Now)*time.Microsecond, time.Microsecond)
}

// Tend runs tend.lua.
func (r *Redis) Tend(ctx context.Context, sale string, q TendRequest) (TendReply, error) {
	h, rd, err := r.run(ctx, &r.scripts.tend, sale, []string{r.caller(q.Birth), num(q.Most), num(q.Era), num(q.Rev), num(q.Now),
		num(q.Raw), num(q.Ago.Microseconds())})
	if err != nil {
		return TendReply{}, err
	}
	n := rd.row(1, 2)
	return TendReply{Head: h, Freed: uint64(n[0]), Next: n[1]}, r.down(rd.err)
}

// Tend is Store's.
func (e *Embedded) Tend(_ context.Context, sale string, q TendRequest) (TendReply, error) {
	return with(e, sale, func(t *Twin, raw int64) (TendReply, error) { return t.Tend(raw, q) })
}

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
func (t *Twin) Tend(raw int64, q TendRequest) (TendReply, error) {
	if err := t.open(raw, q.Birth); err != nil {
		return TendReply{}, err
	}
	h := &t.head
	if q.Rev > 0 && q.Era == h.Era && (q.Rev >= t.anchor() || t.bounds.Lacks(OldWitness)) {
		h.Now = max(h.Now, q.Now+min(q.Ago.Microseconds(), h.Raw-q.Raw))
	}
	freed := t.sweep(max(1, min(q.Most, MaxExpire)))
	t.commitCalm()
	return TendReply{Head: t.view("-"), Freed: freed, Next: t.next()}, nil
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
