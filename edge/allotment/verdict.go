package allotment

import "spike/luascripts"

// Reason is why no unit can be had now.
type Reason int

// The reasons. Their order is that of edge's answers.
const (
	SoldOut   Reason = iota // for good
	NoneNow                 // held, unsold or unpaid units may come back
	Paused                  //
	Unopened                // not open yet
	Closed                  //
	Undecided               // the store does not answer
	Refused                 // the sale makes no sense, or was changed by hand
	Gone                    // this allotment has ended: ask for the sale anew
	Reasons                 // how many there are
)

// Verdict is what every buyer hears while it stands.
type Verdict struct {
	Reason Reason
	Why    string // Refused: what is wrong
	Opens  int64  // Unopened: Unix microseconds
}

var doors = map[luascripts.State]Reason{
	luascripts.Paused: Paused, luascripts.Closed: Closed, luascripts.Unopened: Unopened,
}

// Door is the verdict of a sale whose doors are shut, or nil.
func Door(h luascripts.Head) *Verdict {
	if reason, shut := doors[h.State]; shut {
		return &Verdict{Reason: reason, Opens: h.Opens}
	}
	return nil
}

// judge works the verdict out anew. The Stock is filled by the Keeper alone, so what is Empty now stays so meanwhile.
func (k *Keeper) judge() *Verdict {
	if door := Door(k.view); k.known && door != nil {
		return door
	}
	switch {
	case !k.a.stock.Empty():
		return nil
	case k.barren && k.view.Final():
		return &Verdict{Reason: SoldOut}
	case k.refused != "":
		return &Verdict{Reason: Refused, Why: k.refused}
	case k.down, k.recovering():
		return &Verdict{Reason: Undecided}
	case !k.barren:
		return nil
	}
	return &Verdict{Reason: NoneNow}
}

// settleVerdict publishes the verdict if it is news.
func (k *Keeper) settleVerdict() {
	now, old := k.judge(), k.a.verdict.Load()
	if (now == nil) == (old == nil) && (now == nil || *now == *old) {
		return
	}
	k.a.verdict.Store(now)
	k.a.announce()
}
