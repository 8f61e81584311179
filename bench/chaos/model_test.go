package chaos

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// The model of one serial. Its state is a byte for each token that was ever told for it: unborn, then pending, then one of
// three ends. At most one token is live (pending or confirmed): that is I1.
//
// An exchange without an answer may have taken effect at once, later or never. In the model it returns at the end of time. If
// it then finds nothing to do, it does nothing, so a place after everything else means "never". The end of a hold is the
// same, from the moment that the token says. A buy without an answer may have taken any unit, and only keeps others from the
// unit for a while. The model could hold nothing in it against anybody.
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

// slack is how far two clocks that see the end of a hold may differ within one machine.
const slack = 50 * time.Millisecond

// serialModel is the model for a serial with so many tokens.
func serialModel(tokens int) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return strings.Repeat(string(unborn), tokens) },
		Step: func(state, in, out any) (bool, any) {
			return step(state.(string), in.(call), out.(Word))
		},
	}
}

// step says whether an answer fits the state, and returns the next state.
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

// ends are the states that words name.
var ends = map[Word]byte{Pending: pending, Confirmed: confirmed, Cancelled: cancelled, Expired: expired}

// known checks an answer about a token: it names the present state, or the state that it has just made.
func known(is byte, kind Kind, out Word, become func(byte) string, state string) (bool, string) {
	made := kind == Confirm && out == Confirmed || kind == Cancel && out == Cancelled
	if made && is == pending {
		return true, become(ends[out])
	}
	return ends[out] == is, state
}

// operations returns the history of a serial as Porcupine wants it. If an exchange was repeated without an answer, the first
// stands for all: any effect of the others may as well be its own, and as late.
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

// byStart returns the exchanges in the order in which they began.
func byStart(ops []Op) []Op {
	ops = slices.Clone(ops)
	slices.SortFunc(ops, func(a, b Op) int { return cmp.Compare(a.Start, b.Start) })
	return ops
}
