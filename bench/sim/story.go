package sim

import (
	"fmt"
	"strings"

	"spike/luascripts/ledger"
)

// line is a line of the story. Only a world that a person will read about has lines.
type line struct {
	at   int64
	text string
}

// tell adds a line. Frequent callers ask w.telling first, because arguments cost more than the question.
func (w *world) tell(format string, args ...any) {
	if !w.telling {
		return
	}
	for k, arg := range args {
		args[k] = brief(arg)
	}
	w.story = append(w.story, line{w.now, fmt.Sprintf(format, args...)})
}

// read returns the story's first line and its end.
func (w *world) read(most int) string {
	var s strings.Builder
	from := max(0, len(w.story)-most)
	for i, l := range w.story {
		if i == 0 || i >= from {
			fmt.Fprintf(&s, "%10.4f %s\n", float64(l.at-start)/1e9, l.text)
		}
	}
	return s.String()
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
	case deducts:
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
		return briefHead(v)
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

func briefHead(h ledger.Head) string {
	s := fmt.Sprintf("[%d era %d of %d: %d free %d leased %d limbo %d pending %d confirmed, %v",
		h.Now, h.Era, h.Total, h.Free, h.Leased, h.Limbo, h.Pending, h.Confirmed, h.State)
	if h.Recall {
		s += ", recall"
	}
	if h.Reopens > 0 {
		s += fmt.Sprintf(", grants nothing until %d", h.Reopens)
	}
	return s + "]"
}
