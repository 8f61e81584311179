package luascripts

import "fmt"

// The twin and the replicas that must have what is acted on.

// obey takes the operator's word for how many there are at the most.
func (t *Twin) obey() {
	if t.node.Capped {
		t.head.Replicas = min(t.head.Replicas, t.node.Cap)
	}
}

// Reopen is reopen.lua.
func (t *Twin) Reopen(raw int64, q ReopenRequest) (Head, error) {
	if err := t.open(raw, 0); err != nil {
		return Head{}, err
	}
	online := t.node.Replicas
	switch {
	case q.Era != 0 && q.Era != t.head.Era && !t.bounds.Lacks(AnyLineup):
		return Head{}, &Refusal{Code: "CHANGED", Why: "the server has another history by now"}
	case q.Lineup != "" && q.Lineup != t.node.Lineup && !t.bounds.Lacks(AnyLineup):
		return Head{}, &Refusal{Code: "CHANGED", Why: "replicas have come or gone meanwhile"}
	case online < q.Least:
		return Head{}, &Refusal{Code: "CHANGED", Why: fmt.Sprintf("%d replicas are here, not %d", online, q.Least)}
	}
	if q.Lineup != "" {
		t.head.Replicas = online
	}
	if q.Grants {
		t.shut = 0
	}
	t.commit()
	return t.view("-"), nil
}

// sells is the ledger time until which edges may sell from leases of lost history; 0: none does.
func (t *Twin) sells() int64 {
	ends := t.began + t.term + t.bounds.Margin.Microseconds()
	if t.early == 0 || ends <= t.head.Now || t.bounds.Lacks(KnownOnly) {
		return 0
	}
	return ends
}
