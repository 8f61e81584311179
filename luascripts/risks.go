package luascripts

import (
	"context"
)

// Risks names what in Redis' configuration may cost units or wins. If the configuration cannot be read (an ACL, a managed
// service), it names nothing of it.
func (r *Redis) Risks(ctx context.Context) (risks []string) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	if _, err := r.client.Do(ctx, r.client.B().Info().Section("replication").Build()).ToString(); err != nil {
		risks = append(risks, "INFO is refused: that a restart or a fail-over lost history cannot be noticed, "+
			"and what was lost is sold again")
	}
	set, err := r.client.Do(ctx, r.client.B().ConfigGet().Parameter("maxmemory").Parameter("maxmemory-policy").
		Parameter("appendonly").Parameter("appendfsync").Parameter("no-appendfsync-on-rewrite").Build()).AsStrMap()
	if err != nil {
		return risks
	}
	if set["maxmemory"] != "0" && set["maxmemory-policy"] != "noeviction" {
		risks = append(risks, "maxmemory-policy is "+set["maxmemory-policy"]+
			": when memory runs out Redis drops sales; it should be noeviction")
	}
	if set["appendonly"] == "yes" && r.defaultMayNotWrite(ctx) {
		risks = append(risks, "the user default may not write: Redis reads its append-only file as this user, so a restart "+
			"loses sales without an error; give it ~* &* +@all, it may still be off")
	}
	switch {
	case set["appendonly"] == "no":
		risks = append(risks, "appendonly is no: a Redis that is killed forgets what it sold since its last snapshot"+standsStill)
	case set["appendfsync"] != "always":
		risks = append(risks, "appendfsync is "+set["appendfsync"]+
			": a Redis that is killed may forget about the last second of sales"+standsStill)
	case set["no-appendfsync-on-rewrite"] == "yes":
		risks = append(risks, "no-appendfsync-on-rewrite is yes: a machine that dies while the file is written anew "+
			"may forget some seconds of sales"+standsStill)
	}
	return risks
}

// defaultMayNotWrite asks what Redis would let its user `default` do. If it may not be asked, nothing is known.
func (r *Redis) defaultMayNotWrite(ctx context.Context) bool {
	said, err := r.client.Do(ctx, r.client.B().Arbitrary("ACL", "DRYRUN", "default", "HSET").Keys(SalesKey).
		Args("field", "value").Build()).ToString()
	return err == nil && said != "OK"
}

// standsStill is the price of lost history.
const standsStill = "; every sale then grants nothing until what was promised in it is over: a lease, a hold and a margin. " +
	"Always keeps it, and so do replicas that Sentinel or Cluster promotes"
