package chaos

import "time"

// Loss is the time that the store has forgotten: from its file until it was back.
type Loss struct{ From, To time.Duration }

// Forget returns the history of a store that came back without its newest part, as it may be judged. A payment or a cancel in
// the lost time may have come to nothing, and a winner of that time may be turned away. Nobody else may be turned away, and
// no unit may be sold again before its winner's hold is over.
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
