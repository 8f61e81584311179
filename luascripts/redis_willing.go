package luascripts

import (
	"context"

	"github.com/redis/rueidis"
)

// willingKey is a key that is never there.
const willingKey = "spike:willing"

// Willing makes a write that changes nothing, because a server that refuses every write (READONLY, OOM, NOREPLICAS) answers
// PING. Of a Cluster one node is enough: each sale is on one node, and the other sales may sell well. If an ACL forbids that
// key, Willing is Ping.
func (r *Redis) Willing(ctx context.Context) error {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	err := r.client.Do(ctx, willing(r.client.B())).Error()
	if err == nil {
		return nil
	}
	if isError(err, "NOPERM") {
		return r.Ping(ctx)
	}
	nodes := r.client.Nodes()
	for _, node := range nodes {
		if len(nodes) == 1 { // it was just asked
			break
		}
		if err := node.Do(ctx, willing(node.B())).Error(); err == nil || isError(err, "MOVED") {
			return nil
		}
	}
	return r.down(err)
}

func willing(b rueidis.Builder) rueidis.Completed {
	return b.Zadd().Key(willingKey).Xx().ScoreMember().ScoreMember(0, "").Build()
}
