package luascripts

import (
	"context"
	"fmt"
	"strconv"

	"spike/luascripts/ledger"
)

// The groups of the orders' streams.

// GroupsKey is the hash of the bindings: the database that each group belongs to.
const GroupsKey = "spike:groups"

// BindGroup runs bindgroup.lua.
func (r *Redis) BindGroup(ctx context.Context, group string, b ledger.Binding, take bool) (ledger.Binding, error) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	result, _ := r.exec(ctx, &r.scripts.bindgroup, []string{GroupsKey},
		[]string{group, b.ID, b.Place, b.Name, num(b.Beats), flag(take)}, 0)
	has, err := result.AsStrSlice()
	if err != nil {
		return ledger.Binding{}, r.down(err)
	}
	if len(has) != 4 {
		return ledger.Binding{}, r.down(fmt.Errorf("%w: a binding of %d parts", errReply, len(has)))
	}
	beats, err := strconv.ParseUint(has[3], 10, 64)
	return ledger.Binding{ID: has[0], Place: has[1], Name: has[2], Beats: beats}, r.down(err)
}

// EventsStored runs lag.lua.
func (r *Redis) EventsStored(ctx context.Context, sale string, g ledger.Group) (ledger.Stored, error) {
	h, rd, err := r.run(ctx, &r.scripts.lag, sale, []string{r.caller(0), g.Name})
	if err != nil {
		return ledger.Stored{}, err
	}
	n := rd.row(4)
	return ledger.Stored{Birth: h.Birth, Number: uint64(n[3])}, r.down(rd.err)
}
