package sim

import (
	"fmt"
	"strings"

	"spike/luascripts"
)

// line is a line of the story. Only a world that somebody has to read about writes any.
type line struct {
	at   int64
	text string
}

// tell adds a line. Where it is called often, ask w.telling first: the arguments cost more than the question.
func (w *world) tell(format string, args ...any) {
	if !w.telling {
		return
	}
	for k, arg := range args {
		args[k] = brief(arg)
	}
	w.story = append(w.story, line{w.now, fmt.Sprintf(format, args...)})
}

// read prints the story's first line and its end.
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

// brief says a call or its answer in few words.
func brief(v any) any {
	switch v := v.(type) {
	case luascripts.LeaseRequest:
		return fmt.Sprintf("lease #%d want %d hungry %v", v.Request, v.Want, v.Hungry)
	case luascripts.RenewRequest:
		return fmt.Sprintf("renew %v awaiting #%d", v.Fences, v.Awaited)
	case luascripts.SettleRequest:
		return fmt.Sprintf("settle #%d %v for %s", v.Batch, brief(v.Claims), v.Instance)
	case luascripts.GiveBackRequest:
		return fmt.Sprintf("give back %v", v.Parts)
	case luascripts.ReassertRequest:
		return fmt.Sprintf("re-assert in era %d %+v for %s", v.Era, v.Leases, v.Instance)
	case luascripts.DeductRequest:
		return fmt.Sprintf("deduct %d nonce %d", v.N, v.Nonce)
	case byToken:
		return fmt.Sprintf("%s %v", v.what, brief(v.claim))
	case luascripts.LeaseReply:
		return fmt.Sprintf("%v granted %v under %d until %d", brief(v.Head), v.Grant.Ranges, v.Grant.Fence, v.Grant.Deadline)
	case luascripts.RenewReply:
		return fmt.Sprintf("%v deadlines %v", brief(v.Head), v.Deadlines)
	case luascripts.SettleReply:
		return fmt.Sprintf("%v verdicts %v", brief(v.Head), v.Verdicts)
	case luascripts.GiveBackReply:
		return fmt.Sprintf("%v freed %d", brief(v.Head), v.Freed)
	case luascripts.ReassertReply:
		return fmt.Sprintf("%v grants %+v", brief(v.Head), v.Grants)
	case luascripts.DeductReply:
		return fmt.Sprintf("%v %d: %v", brief(v.Head), v.Answer, brief(v.Claim))
	case luascripts.ReservationReply:
		return fmt.Sprintf("%v %v", brief(v.Head), v.Life)
	case luascripts.ExpireReply:
		return fmt.Sprintf("%v freed %d", brief(v.Head), v.Freed)
	case luascripts.Head:
		return briefHead(v)
	case luascripts.Claim:
		return fmt.Sprintf("%d+%d under %d nonce %d until %d", v.Serial, v.Count, v.Fence, v.Nonce, v.Expiry)
	case []luascripts.Claim:
		var all []any
		for _, c := range v {
			all = append(all, brief(c))
		}
		return all
	}
	return v
}

func briefHead(h luascripts.Head) string {
	s := fmt.Sprintf("[%d era %d of %d: %d free %d leased %d limbo %d pending %d confirmed, %v", h.Now, h.Era, h.Total, h.Free, h.Leased, h.Limbo,
		h.Pending, h.Confirmed, h.State)
	if h.Recall {
		s += ", recall"
	}
	if h.Reopens > 0 {
		s += fmt.Sprintf(", grants nothing until %d", h.Reopens)
	}
	return s + "]"
}
