package luascripts

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"spike/luascripts/ledger"
)

// marksAtOnce is how many sales are asked for in one packet.
const marksAtOnce = 500

// Marks is ledger.Store's: one plain command a sale, no script.
func (r *Redis) Marks(ctx context.Context, sales []string) (marks []ledger.Mark, history string, err error) {
	history = r.history(ctx) // read first, so that a later change is seen the next time
	for part := range slices.Chunk(sales, marksAtOnce) {
		got, err := r.marks(ctx, part)
		if err != nil {
			return nil, "", err
		}
		marks = append(marks, got...)
	}
	return marks, history, nil
}

func (r *Redis) marks(ctx context.Context, sales []string) ([]ledger.Mark, error) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	cmds := make(rueidis.Commands, len(sales))
	for i, sale := range sales {
		cmds[i] = r.client.B().Hmget().Key(Keys(sale)[1]).Field("birth", "era", "rev", "events", "tended").Build()
	}
	marks := make([]ledger.Mark, len(sales))
	for i, result := range r.client.DoMulti(ctx, cmds...) {
		fields, err := result.ToArray()
		if err != nil {
			return nil, r.down(err)
		}
		for k, to := range []*uint64{&marks[i].Birth, &marks[i].Era, &marks[i].Rev, &marks[i].Events} {
			if k < len(fields) {
				*to, _ = fields[k].AsUint64() // a missing field is 0
			}
		}
		if len(fields) == 5 {
			text, _ := fields[4].ToString()
			marks[i].Rev = anchorOf(text, marks[i].Rev)
		}
	}
	return marks, nil
}

// anchorOf reads field tended, as tend.lua does.
func anchorOf(tended string, rev uint64) uint64 {
	anchor, last, _ := strings.Cut(tended, " ")
	if n, err := strconv.ParseUint(last, 10, 64); err != nil || n != rev {
		return rev
	}
	n, _ := strconv.ParseUint(anchor, 10, 64)
	return n
}

// history is the servers' names for their histories. A server that does not answer is left out.
func (r *Redis) history(ctx context.Context) string {
	var all []string
	for addr, node := range r.client.Nodes() {
		info, err := ask(ctx, node, node.B().Info().Section("replication").Build())
		if err == nil && !strings.Contains(info, "role:slave") {
			all = append(all, addr+"="+infoField(info, "master_replid"))
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}
