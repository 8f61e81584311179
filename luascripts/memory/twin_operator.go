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
		t.prolong(t.head.Now) // nobody could collect
	}
	if q.To != "" {
		t.door = ledger.StateOf(q.To)
	}
	t.commitCalm()
	return t.view("-"), nil
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
