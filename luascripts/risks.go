package luascripts

import "context"

// Risks names what in Redis' configuration may cost units or wins. Where its configuration cannot be read (an ACL, a
// managed service) there is nothing to say.
func (r *Redis) Risks(ctx context.Context) (risks []string) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	set, err := r.client.Do(ctx, r.client.B().ConfigGet().Parameter("maxmemory").Parameter("maxmemory-policy").
		Parameter("appendonly").Parameter("appendfsync").Build()).AsStrMap()
	if err != nil {
		return nil
	}
	if set["maxmemory"] != "0" && set["maxmemory-policy"] != "noeviction" {
		risks = append(risks, "maxmemory-policy is "+set["maxmemory-policy"]+": when memory runs out Redis drops sales; it should be noeviction")
	}
	switch {
	case set["appendonly"] == "no":
		risks = append(risks, "appendonly is no: a Redis that is killed forgets what it sold since its last snapshot, and sells it again")
	case set["appendfsync"] != "always":
		risks = append(risks, "appendfsync is "+set["appendfsync"]+": a machine that dies forgets about the last second of sales, and sells it again; always keeps them")
	}
	return risks
}
