package luascripts

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"spike/luascripts/ledger"
)

// How a scenario's answers are printed. Times are counted from the scenario's beginning, and fences have names.

const scenarioBegin = 1_800_000_000_000_000 // Unix microseconds

func since(us int64) string {
	sign := "+"
	if us < scenarioBegin {
		sign = ""
	}
	return sign + (time.Duration(us-scenarioBegin) * time.Microsecond).String()
}

// orNever is a time, 0 being none.
func orNever(us int64) string {
	if us == 0 {
		return "never"
	}
	return since(us)
}

// fence is the name of a fence: F1, F2 ... as they come.
func (p *play) fence(f uint64) string {
	if p.names[f] == "" {
		p.nameFence(fmt.Sprintf("F%d", len(p.names)+1), f)
	}
	return p.names[f]
}

func (p *play) nameFence(name string, f uint64) { p.names[f], p.fences[name] = name, f }

func tellRanges(rs ledger.Ranges) string {
	var list []string
	for _, r := range rs {
		list = append(list, fmt.Sprintf("%d-%d", r.Start, r.End))
	}
	if list == nil {
		return "nothing"
	}
	return strings.Join(list, ",")
}

func (p *play) tellGrant(g ledger.Grant) string {
	if g.Fence == 0 {
		return "no lease"
	}
	if g.Deadline == 0 {
		return p.fence(g.Fence) + " nothing"
	}
	return fmt.Sprintf("%s %s until %s, hold %s", p.fence(g.Fence), tellRanges(g.Ranges),
		since(g.Deadline), time.Duration(g.Hold)*time.Microsecond)
}

func (p *play) tellClaim(c ledger.Claim) string {
	text := fmt.Sprintf("%s:%d+%d nonce %d until %s", p.fence(c.Fence), c.Serial, c.Count, c.Nonce, orNever(c.Expiry))
	if c.Buyer != (ledger.Buyer{}) {
		text += " of " + strings.TrimRight(string(c.Buyer[:]), "\x00")
	}
	return text
}

// tellHead prints what has changed in the sale since the answer before. At first it prints what differs from a sale of
// nothing.
func (p *play) tellHead(h ledger.Head) string {
	now, was := p.fields(h), p.fields(p.head)
	p.head = h
	text := slices.DeleteFunc(now, func(field string) bool { return slices.Contains(was, field) })
	if len(text) == 0 {
		return "= as before"
	}
	return "= " + strings.Join(text, ", ")
}

func (p *play) fields(h ledger.Head) []string {
	at := "now " + since(h.Now)
	if h.Raw != h.Now {
		at += " (clock " + since(h.Raw) + ")"
	}
	yes := func(b bool) string { return map[bool]string{true: "yes", false: "no"}[b] }
	list := []string{at, fmt.Sprint("total ", h.Total), fmt.Sprint("free ", h.Free), fmt.Sprint("leased ", h.Leased),
		fmt.Sprint("limbo ", h.Limbo),
		fmt.Sprint("pending ", h.Pending), fmt.Sprint("confirmed ", h.Confirmed), fmt.Sprint("gen ", h.Gen), fmt.Sprint("rev ", h.Rev),
		"recall " + yes(h.Recall), h.State.String(), fmt.Sprint("hold ", time.Duration(h.Hold)*time.Microsecond),
		"opens " + orNever(h.Opens),
		"closes " + orNever(h.Closes), fmt.Sprint("limit ", h.Limit), "due " + yes(h.Due), fmt.Sprint("era ", h.Era),
		"reopens " + orNever(h.Reopens), fmt.Sprint("replicas ", h.Replicas), fmt.Sprint("strangers ", h.Strangers),
		"born " + since(int64(h.Birth))}
	if l := h.Lots; l.Window > 0 {
		list = append(list, fmt.Sprintf("lots: window %s, drawn %s, %d entrants, %d winners, %d kept until %s, last %d, seed %q",
			time.Duration(l.Window)*time.Microsecond, orNever(l.Drawn), l.Entrants, l.Winners, l.Kept, orNever(l.Ends), l.Last, l.Seed))
	}
	return list
}

func (p *play) tellEvent(e ledger.Event) string {
	text := fmt.Sprintf("#%d %s at %s:", e.Number, e.Kind, since(e.At))
	for _, c := range e.Claims {
		text += " [" + p.tellClaim(c) + "]"
	}
	return text
}

// tellError prints a refusal by its code, because the twin and the scripts word the rest differently.
func tellError(err error) string {
	var r *ledger.Refusal
	switch {
	case errors.As(err, &r) && r.Code == "LATE":
		return "refused LATE at " + since(r.At)
	case errors.As(err, &r):
		return "refused " + r.Code
	}
	return "error " + err.Error()
}
