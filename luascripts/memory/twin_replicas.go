package memory

import (
	"fmt"
	"strconv"
	"strings"

	"spike/luascripts/ledger"
)

// The twin and the replicas that must have what is acted on.

// obey takes the operator's word for how many there are at the most.
func (t *Twin) obey() {
	if t.node.Capped {
		t.head.Replicas = min(t.head.Replicas, t.node.Cap)
	}
}

// vote is what is kept of a vote that has taken replicas off the count; nothing, where were is 0.
type vote struct {
	were   uint64 // there were so many
	agreed string // the lineup agreed upon
}

// lineupParts is how many follow, and how often anybody has begun to.
func lineupParts(lineup string) (here int, syncs uint64) {
	names, count, _ := strings.Cut(lineup, "#")
	if names != "" {
		here = strings.Count(names, ",") + 1
	}
	syncs, _ = strconv.ParseUint(count, 10, 64)
	return here, syncs
}

// voteEnds waits again for as many as there were, if more have come since the vote than are here: one who has come and gone
// may be promoted.
func (t *Twin) voteEnds() {
	if t.head.Replicas >= t.vote.were { // nobody is voted out, or all are back
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
		t.votedOut(were)
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
