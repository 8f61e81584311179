package chaos

import "time"

// Loss is a time of which the store has forgotten what it was told: from its file until it was back.
type Loss struct{ From, To time.Duration }

// Forget is the history of a store that came back without its newest part, as it may be judged: what was paid for or
// cancelled in the lost time may have come to nothing, and a winner of that time may be turned away. Nobody else may, and
// no unit may be sold again before the hold of whoever won it is over.
func Forget(ops []Op, lost Loss) (kept []Op) {
	of := map[string]bool{} // tokens that the store may not know
	for _, op := range ops {
		if op.Word == Won && op.End > lost.From && op.Start < lost.To {
			of[op.Token] = true
		}
	}
	for _, op := range ops {
		done := op.Kind != Buy && op.End > lost.From && op.Start < lost.To
		switch {
		case of[op.Token] && (op.Word == Expired || op.Word == NoSuch):
			continue
		case done && (op.Word == Confirmed || op.Word == Cancelled):
			op.Word, op.End = Unknown, Forever
		case done && op.Word == Pending:
			continue
		}
		kept = append(kept, op)
	}
	return kept
}
