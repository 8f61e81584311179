package sim

import (
	"fmt"
	"strings"

	"spike/luascripts/ledger"
)

// tell adds a line to the story. Only a world that a person will read about has lines.
func (w *world) tell(format string, args ...any) {
	if w.telling {
		w.story = append(w.story, fmt.Sprintf("%10.4f %s\n", float64(w.now-start)/1e9, say(format, args)))
	}
}

func say(format string, args []any) string {
	for i, arg := range args {
		args[i] = brief(arg)
	}
	return fmt.Sprintf(format, args...)
}

// read returns the story's first line, which tells the fates, and its end.
func (w *world) read(most int) string {
	return w.story[0] + strings.Join(w.story[max(1, len(w.story)-most):], "")
}

// brief returns a call or its answer in few words.
func brief(v any) any {
	switch v := v.(type) {
	case ledger.LeaseRequest:
		return fmt.Sprintf("lease #%d want %d recall %v", v.Request, v.Want, v.Recall)
	case ledger.RenewRequest:
		return fmt.Sprintf("renew %v awaiting #%d", v.Fences, v.Awaited)
	case ledger.SettleRequest:
		return fmt.Sprintf("settle #%d %v for %s", v.Batch, brief(v.Claims), v.Instance)
	case ledger.GiveBackRequest:
		return fmt.Sprintf("give back %v", v.Parts)
	case ledger.ReassertRequest:
		return fmt.Sprintf("re-assert in era %d %+v for %s", v.Era, v.Leases, v.Instance)
	case ledger.DeductRequest:
		return fmt.Sprintf("deduct %d nonce %d", v.N, v.Nonce)
	case []ledger.DeductRequest:
		return briefEach(v, func(q ledger.DeductRequest) any {
			return fmt.Sprintf("%v of %x for %x offer %v", brief(q), q.Key[:8], q.Buyer, brief(q.Offer))
		})
	case []ledger.Deducted:
		return briefEach(v, func(d ledger.Deducted) any { return fmt.Sprintf("%v %v", brief(d.DeductReply), d.Err) })
	case byToken:
		return fmt.Sprintf("%s %v", v.what, brief(v.claim))
	case ledger.LeaseReply:
		return fmt.Sprintf("%v granted %v under %d until %d", brief(v.Head), v.Grant.Ranges, v.Grant.Fence, v.Grant.Deadline)
	case ledger.RenewReply:
		return fmt.Sprintf("%v deadlines %v", brief(v.Head), v.Deadlines)
	case ledger.SettleReply:
		return fmt.Sprintf("%v verdicts %v", brief(v.Head), v.Verdicts)
	case ledger.GiveBackReply:
		return fmt.Sprintf("%v freed %d", brief(v.Head), v.Freed)
	case ledger.ReassertReply:
		return fmt.Sprintf("%v grants %+v", brief(v.Head), v.Grants)
	case ledger.DeductReply:
		return fmt.Sprintf("%v %d: %v", brief(v.Head), v.Answer, brief(v.Claim))
	case ledger.ReservationReply:
		return fmt.Sprintf("%v %v", brief(v.Head), v.Life)
	case ledger.ExpireReply:
		return fmt.Sprintf("%v freed %d", brief(v.Head), v.Freed)
	case ledger.Head:
		s := fmt.Sprintf("[%d era %d of %d: %d free %d leased %d limbo %d pending %d confirmed, %v",
			v.Now, v.Era, v.Total, v.Free, v.Leased, v.Limbo, v.Pending, v.Confirmed, v.State)
		if v.Recall {
			s += ", recall"
		}
		if v.Reopens > 0 {
			s += fmt.Sprintf(", grants nothing until %d", v.Reopens)
		}
		return s + "]"
	case ledger.Claim:
		return fmt.Sprintf("%d+%d under %d nonce %d until %d", v.Serial, v.Count, v.Fence, v.Nonce, v.Expiry)
	case []ledger.Claim:
		return briefEach(v, func(c ledger.Claim) any { return brief(c) })
	}
	return v
}

func briefEach[T any](list []T, one func(T) any) (all []any) {
	for _, v := range list {
		all = append(all, one(v))
	}
	return all
}

// kind is the kind of an event of the trace.
type kind uint64

// The kinds of events.
const (
	ran     kind = iota + 1 // a script
	won                     // a buyer was told
	verdict                 // an edge changed its verdict
	died                    // an edge
	began                   // an edge
	paused                  // an edge
	reigns                  // a server
	learned                 // a buyer with a token
)

const (
	fnvBasis = uint64(14695981039346656037)
	fnvPrime = uint64(1099511628211)
)

// trace folds an event into the world's hash. It is FNV-1a over words, each folded first so that high bits count.
func (w *world) trace(k kind, a, b, c, d uint64) {
	for _, word := range [...]uint64{uint64(w.now), uint64(k), a, b, c, d} {
		word ^= word >> 32
		w.Hash = (w.Hash ^ word) * fnvPrime
	}
}
