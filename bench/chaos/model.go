package chaos

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// The model of one serial. Its state is a byte for each token that was ever told for it: unborn, then pending, then one of
// the three ends. At most one token is live (pending or confirmed): that is I1.
//
// What had no answer may have happened, at once, later or never: it returns at the end of time, and where it finds nothing
// to do it does nothing, so that its place behind everything else means "never". The end of a hold is the same, from
// the moment the token says. A buy without an answer may have taken any unit, and only keeps others from it for a
// while: there is nothing in it that this model could hold against anybody.
const (
	unborn    = 'u'
	pending   = 'p'
	confirmed = 'c'
	cancelled = 'x'
	expired   = 'e'
)

// call is an input of the model.
type call struct {
	kind  Kind
	token int
}

// slack is what the two clocks that a hold is seen by may differ, within one machine.
const slack = 50 * time.Millisecond

// serialModel is the model for a serial of which so many tokens were told.
func serialModel(tokens int) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return strings.Repeat(string(unborn), tokens) },
		Step: func(state, in, out any) (bool, any) {
			return step(state.(string), in.(call), out.(Word))
		},
	}
}

// step says whether an answer fits the state, and what the state is then.
func step(state string, in call, out Word) (bool, string) {
	is := state[in.token]
	become := func(now byte) string { return state[:in.token] + string(now) + state[in.token+1:] }
	switch {
	case in.kind == Buy:
		return is == unborn && !strings.ContainsAny(state, "pc"), become(pending)
	case in.kind == Lapse && is == pending:
		return true, become(expired)
	case in.kind == Lapse:
		return true, state
	case out != Unknown:
		return known(is, in.kind, out, become, state)
	case in.kind == Confirm && is == pending:
		return true, become(confirmed)
	case in.kind == Cancel && is == pending:
		return true, become(cancelled)
	}
	return true, state
}

// ends is the state that each word names.
var ends = map[Word]byte{Pending: pending, Confirmed: confirmed, Cancelled: cancelled, Expired: expired}

// known is an answer about a token: it names the state there is, or the one it has just made.
func known(is byte, kind Kind, out Word, become func(byte) string, state string) (bool, string) {
	made := kind == Confirm && out == Confirmed || kind == Cancel && out == Cancelled
	if made && is == pending {
		return true, become(ends[out])
	}
	return ends[out] == is, state
}

// operations is the history of a serial as Porcupine wants it. Of what was asked again and again without an answer the
// first asking stands for all: whatever the others may have done, it may have done as well, and as late.
func operations(ops []Op) (all []porcupine.Operation, tokens int) {
	number := numbers(ops)
	asked := map[call]bool{}
	for _, op := range byStart(ops) {
		token, told := number[op.Token]
		in := call{op.Kind, token}
		if !told || op.Word == Unknown && (op.Kind == Look || asked[in]) {
			continue
		}
		asked[in] = asked[in] || op.Word == Unknown
		all = append(all, porcupine.Operation{ClientId: op.Client, Input: in, Output: op.Word,
			Call: int64(op.Start), Return: int64(op.End)})
		if op.Word == Won {
			all = append(all, porcupine.Operation{Input: call{Lapse, token}, Output: Unknown,
				Call: int64(max(op.Until-slack, op.Start)), Return: int64(Forever)})
		}
	}
	return all, len(number)
}

// numbers counts the tokens that were told.
func numbers(ops []Op) map[string]int {
	number := map[string]int{}
	for _, op := range ops {
		if _, known := number[op.Token]; op.Word == Won && !known {
			number[op.Token] = len(number)
		}
	}
	return number
}

// patience is how long the model may think about one serial.
const patience = 10 * time.Second

// linearizable says whether a serial's history can be explained at all.
func linearizable(ops []Op) porcupine.CheckResult {
	all, tokens := operations(ops)
	return porcupine.CheckOperationsTimeout(serialModel(tokens), all, patience)
}

// byStart is the exchanges in the order in which they began.
func byStart(ops []Op) []Op {
	ops = slices.Clone(ops)
	slices.SortFunc(ops, func(a, b Op) int { return cmp.Compare(a.Start, b.Start) })
	return ops
}
