package memory

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	"spike/luascripts/ledger"
)

// The twin's count of replicas: how many must have an answer before it is acted on.

// obey applies the operator's word on the most replicas that there are.
func (t *Twin) obey() {
	if t.node.Capped {
		t.head.Replicas = min(t.head.Replicas, t.node.Cap)
	}
}

// meet waits for a newcomer, and for all that were waited for as well: meet of era.lua.
func (t *Twin) meet() {
	if t.bounds.Lacks(AnyReplica) {
		return
	}
	for _, name := range strings.Fields(t.node.Names) {
		if _, known := t.seen[name]; !known && t.seenNow() < len(t.seen) {
			t.head.Replicas++
		}
		t.seen[name] = true
	}
	here := uint64(t.seenNow())
	t.head.Replicas = max(t.head.Replicas, here)
	t.obey()
	if here >= t.head.Replicas {
		maps.DeleteFunc(t.seen, func(_ string, now bool) bool { return !now })
	}
}

// seenNow is how many replicas were seen in this era.
func (t *Twin) seenNow() (n int) {
	for _, now := range t.seen {
		if now {
			n++
		}
	}
	return n
}

// seeAnew marks the names for a new era. If where the ledger comes from is unknown, so are the replicas that are gone.
func (t *Twin) seeAnew(from origin) {
	for name := range t.seen {
		t.seen[name] = false
	}
	if from == fromUnknown || t.head.Replicas == 0 {
		clear(t.seen)
	}
}

// vote is kept after a vote that took replicas off the count; were 0: there is none.
type vote struct {
	were   uint64 // how many were counted before the vote
	agreed string // the lineup that was agreed upon
}

// lineupParts is how many replicas follow, and how often any began to follow.
func lineupParts(lineup string) (here int, syncs uint64) {
	names, count, _ := strings.Cut(lineup, "#")
	if names != "" {
		here = strings.Count(names, ",") + 1
	}
	syncs, _ = strconv.ParseUint(count, 10, 64)
	return here, syncs
}

// voteEnds ends a vote, and waits again for as many replicas as before it, if more replicas have come since the vote than are
// here. A replica that came and went may be promoted.
func (t *Twin) voteEnds() {
	if t.head.Replicas >= t.vote.were { // no replica is voted out, or all are back
		t.vote = vote{}
		return
	}
	here, syncs := lineupParts(t.node.Lineup)
	thenHere, thenSyncs := lineupParts(t.vote.agreed)
	if syncs < thenSyncs || syncs-thenSyncs > uint64(max(here-thenHere, 0)) {
		t.head.Replicas, t.vote = max(t.head.Replicas, t.vote.were), vote{}
	}
}

func (t *Twin) votedOut(were uint64) {
	t.vote = vote{}
	if were > t.head.Replicas {
		t.vote = vote{were, t.node.Lineup}
	}
}

func (t *Twin) wereBeforeVote() uint64 { return max(t.head.Replicas, t.vote.were) }

// Reopen is reopen.lua.
func (t *Twin) Reopen(raw int64, q ledger.ReopenRequest) (ledger.Head, error) {
	if err := t.open(raw, 0); err != nil {
		return ledger.Head{}, err
	}
	online := t.node.Replicas
	switch {
	case q.Era != 0 && q.Era != t.head.Era && !t.bounds.Lacks(AnyLineup):
		return ledger.Head{}, &ledger.Refusal{Code: "CHANGED", Why: "the server has another history by now"}
	case q.Lineup != "" && q.Lineup != t.node.Lineup && !t.bounds.Lacks(AnyLineup):
		return ledger.Head{}, &ledger.Refusal{Code: "CHANGED", Why: "replicas have come or gone meanwhile"}
	case online < q.Least:
		return ledger.Head{}, &ledger.Refusal{Code: "CHANGED", Why: fmt.Sprintf("%d replicas are here, not %d", online, q.Least)}
	}
	if q.Lineup != "" {
		were := t.wereBeforeVote()
		t.head.Replicas = online
		clear(t.seen)
		t.meet()
		t.votedOut(were)
	}
	if q.Grants {
		t.shut = 0
	}
	t.commit()
	return t.view("-"), nil
}

// sells is the ledger time until which edges may sell from leases of lost history; 0: no edge does.
func (t *Twin) sells() int64 {
	ends := t.began + t.term + t.bounds.Margin.Microseconds()
	if t.early == 0 || ends <= t.head.Now || t.bounds.Lacks(KnownOnly) {
		return 0
	}
	return ends
}
