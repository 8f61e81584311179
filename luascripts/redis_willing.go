package luascripts

import (
	"context"
	"strings"

	"github.com/redis/rueidis"
)

// willingKey is a key that is never there.
const willingKey = "spike:willing"

// Willing asks by a write that changes nothing. PING is answered by servers that refuse every write: READONLY, OOM, NOREPLICAS.
// Of a Cluster one node suffices: each sale is on one, and another one may sell well. Who may not write that key hears of PING.
func (r *Redis) Willing(ctx context.Context) error {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	err := r.client.Do(ctx, willing(r.client.B())).Error()
	if err == nil {
		return nil
	}
	if e, ok := rueidis.IsRedisErr(err); ok && strings.HasPrefix(e.Error(), "NOPERM") {
		return r.Ping(ctx)
	}
	nodes := r.client.Nodes()
	for _, node := range nodes {
		if len(nodes) == 1 { // it has just been asked
			break
		}
		err := node.Do(ctx, willing(node.B())).Error()
		e, answered := rueidis.IsRedisErr(err)
		if err == nil || answered && strings.HasPrefix(e.Error(), "MOVED") {
			return nil
		}
	}
	return r.down(err)
}

func willing(b rueidis.Builder) rueidis.Completed {
	return b.Zadd().Key(willingKey).Xx().ScoreMember().ScoreMember(0, "").Build()
}
