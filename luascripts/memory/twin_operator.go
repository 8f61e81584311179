package memory

import (
	"fmt"
	"slices"

	"spike/luascripts/ledger"
	"spike/shard"
)

// The calls of operators.

// Show is show.lua.
func (t *Twin) Show(raw int64) ledger.ShowReply {
	defer t.peek()()
	_ = t.look(raw, 0)
	out := ledger.ShowReply{Head: t.view("-"), Secret: t.secret(), Sells: t.sells()}
	if online := t.node.Replicas; online < t.head.Replicas {
		out.Trouble = fmt.Sprintf("MISSING %d of %d replicas", online, t.head.Replicas)
		out.Lineup = t.node.Lineup
	}
	return out
}

// Mend is mend.lua. The twin has no hash, so Mend only tells listeners to look again.
func (t *Twin) Mend(raw int64) (ledger.Head, error) {
	if err := t.open(raw, 0); err != nil {
		return ledger.Head{}, err
	}
	t.head.Gen++
	t.commit()
	return t.view("-"), nil
}

// Change is change.lua.
func (t *Twin) Change(raw int64, q ledger.ChangeRequest) (ledger.Head, error) {
	if err := t.open(raw, 0); err != nil {
		return ledger.Head{}, err
	}
	wanted := q.Add > 0 && !t.adds[q.Request]
	if wanted && q.Add > ledger.MaxSerial-t.head.Total {
		return ledger.Head{}, ledger.TooMany()
	}
	opens := q.To != "" && q.To != ledger.Closed.String()
	if (wanted || opens) && t.door == ledger.Closed {
		return ledger.Head{}, &ledger.Refusal{Code: "CLOSED", Why: "the sale is closed"}
	}
	if wanted {
		t.adds[q.Request] = true
		t.free.Add(shard.Range{Start: uint32(t.head.Total) + 1, End: uint32(t.head.Total+q.Add) + 1})
		t.head.Total += q.Add
		t.head.Free += q.Add
		t.head.Gen++
	}
	if t.door == ledger.Paused && opens {
		t.lengthen(t.head.Now) // nobody could collect
	}
	if q.To != "" {
		t.door = ledger.StateOf(q.To)
	}
	t.commitCalm()
	return t.view("-"), nil
}

// Edit is edit.lua.
func (t *Twin) Edit(raw int64, q ledger.EditRequest) (ledger.Head, error) {
	if err := t.open(raw, 0); err != nil {
		return ledger.Head{}, err
	}
	if t.state() == ledger.Closed {
		return ledger.Head{}, &ledger.Refusal{Code: "CLOSED", Why: "the sale is closed"}
	}
	was, now := t.head, t.edited(q)
	other := now.Hold != was.Hold || now.Limit != was.Limit
	if err := t.refuseEdit(now, other); err != nil {
		return ledger.Head{}, err
	}
	if other || now.Opens != was.Opens || now.Closes != was.Closes {
		now.Gen++
	}
	t.head = now
	if other {
		t.beAnother()
	}
	if now.Lots.Window > 0 && now.Lots.Drawn == 0 {
		t.window()
	}
	t.commitCalm()
	return t.view("-"), nil
}

// edited is the head as an edit would have it.
func (t *Twin) edited(q ledger.EditRequest) ledger.Head {
	h := t.head
	if q.Opens != nil {
		h.Opens = ledger.Micro(*q.Opens)
	}
	if q.Closes != nil {
		h.Closes = ledger.Micro(*q.Closes)
	}
	if q.Hold != nil {
		h.Hold = q.Hold.Microseconds()
	}
	if q.Limit != nil {
		h.Limit = uint64(*q.Limit)
	}
	return h
}

// refuseEdit is why the sale may not become so. other: its hold or its limit changes.
func (t *Twin) refuseEdit(now ledger.Head, other bool) error {
	h := t.head
	begun := t.numbered > 0 || h.Leased+h.Limbo > 0 || len(t.entrants) > 0
	switch {
	case now.Opens != h.Opens && h.Raw >= h.Opens:
		return &ledger.Refusal{Code: "OPENED", Why: "the sale is open already"}
	case other && begun:
		return &ledger.Refusal{Code: "BEGUN", Why: "units were on edges or sold: its hold and its limit stay"}
	case now.Closes > 0 && now.Closes <= max(now.Opens, h.Raw)+h.Lots.Window:
		return &ledger.Refusal{Code: "TIMES", Why: "it must close after it opens, and after the lots' window"}
	case now.Closes > 0 && now.Closes != h.Closes && now.Closes < h.Raw+t.term && !t.bounds.Lacks(CloseAtOnce):
		return &ledger.Refusal{Code: "TIMES", Why: "edges may sell until a lease's term is over"}
	}
	return nil
}

// beAnother makes the sale another one, of which nobody has bought.
func (t *Twin) beAnother() {
	t.head.Birth = max(uint64(t.head.Now), t.head.Birth+1)
	t.answers, t.winLog, t.noLog = map[string]keptAnswer{}, answerLog{}, answerLog{}
	t.instances, t.asked = map[string]*instance{}, map[string]int64{}
}

// holdings is the whole account, in the form of Redis' audit.
func (t *Twin) holdings() ledger.Holdings {
	out := ledger.Holdings{Head: t.head, Owned: uint64(len(t.sold)), Prior: t.prior, Collected: uint64(len(t.collected)),
		Free:   t.free.Ranges(),
		Owners: &ledger.OwnerScan{}, Leases: map[uint64]ledger.HeldLease{}, Indexed: -1}
	for _, f := range sortedKeys(t.leases) {
		l := t.leases[f]
		out.Leases[f] = ledger.HeldLease{Fence: l.fence, Limbo: l.limbo, Rest: l.rem.Ranges()}
	}
	for s, o := range t.sold {
		if o.confirmed {
			out.Owners.Confirmed++
		} else {
			out.Owners.Pending++
		}
		if t.liesElsewhere(s) {
			out.Owners.Twice = append(out.Owners.Twice, s)
		}
	}
	return out
}

func (t *Twin) liesElsewhere(s uint32) bool {
	for _, l := range t.leases {
		if l.rem.Has(s) {
			return true
		}
	}
	return t.free.Has(s)
}

func sortedKeys[V any](m map[uint64]V) []uint64 {
	keys := make([]uint64, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
