package luascripts

import (
	"context"

	"spike/luascripts/ledger"
)

// Tend runs tend.lua.
func (r *Redis) Tend(ctx context.Context, sale string, q ledger.TendRequest) (ledger.TendReply, error) {
	h, rd, err := r.run(ctx, &r.scripts.tend, sale, []string{r.caller(q.Birth), num(q.Most), num(q.Era), num(q.Rev), num(q.Now),
		num(q.Raw), num(q.Ago.Microseconds())})
	if err != nil {
		return ledger.TendReply{}, err
	}
	n := rd.row(2)
	return ledger.TendReply{Head: h, Freed: uint64(n[0]), Next: n[1]}, r.down(rd.err)
}
