package memory

import (
	"cmp"
	"maps"
	"slices"

	"spike/luascripts/ledger"
)

// Holders is holders.lua.
func (t *Twin) Holders(raw int64) (ledger.Holders, error) {
	defer t.peek()()
	if err := t.look(raw, 0); err != nil {
		return ledger.Holders{}, err
	}
	ids := slices.SortedFunc(maps.Keys(t.asked), func(a, b string) int {
		return -cmp.Or(cmp.Compare(t.asked[a], t.asked[b]), cmp.Compare(a, b))
	})
	out := ledger.Holders{Head: t.view("-"), Left: uint64(len(ids))}
	rest := t.bounds.Holders
	for _, id := range ids {
		if rest <= 0 {
			break
		}
		i := t.instances[id]
		h := ledger.Holder{Instance: id, Node: i.node, Seen: i.last}
		rest, out.Left = rest-1, out.Left-1
		for k, fence := range i.fences {
			if rest <= 0 {
				out.Left += uint64(len(i.fences) - k)
				break
			}
			l := t.leases[fence]
			rest -= 1 + len(l.rem.Ranges())
			h.Leases = append(h.Leases, ledger.HolderLease{Fence: fence, Units: l.rem.Len(), Deadline: t.ends(l), Limbo: l.limbo})
		}
		out.Instances = append(out.Instances, h)
	}
	return out, nil
}
