package allotment

import (
	"testing"

	"spike/luascripts"
	"spike/shard"
)

func TestJudge(t *testing.T) {
	type state struct {
		stocked, known, barren, down bool
		refused                      string
		view                         luascripts.Head
	}
	open := luascripts.Head{Total: 10}
	head := func(f func(*luascripts.Head)) luascripts.Head { h := open; f(&h); return h }
	sold := head(func(h *luascripts.Head) { h.Pending = 10 })
	for _, c := range []struct {
		name string
		state
		want *Verdict
	}{
		{"units here", state{stocked: true, known: true, view: open}, nil},
		{"units here, store gone", state{stocked: true, known: true, down: true, view: open}, nil},
		{"units here, sold out elsewhere", state{stocked: true, known: true, barren: true, view: sold}, nil},
		{"units here, paused", state{stocked: true, known: true, view: head(func(h *luascripts.Head) { h.State = luascripts.Paused })},
			&Verdict{Reason: Paused}},
		{"closed", state{known: true, view: head(func(h *luascripts.Head) { h.State = luascripts.Closed })}, &Verdict{Reason: Closed}},
		{"closed and down", state{known: true, down: true, view: head(func(h *luascripts.Head) { h.State = luascripts.Closed })},
			&Verdict{Reason: Closed}},
		{"not open yet", state{known: true, view: head(func(h *luascripts.Head) { h.State, h.Opens = luascripts.Unopened, 7 })},
			&Verdict{Reason: Unopened, Opens: 7}},
		{"doors of a view forgotten", state{view: head(func(h *luascripts.Head) { h.State = luascripts.Closed })}, nil},
		{"refused", state{known: true, refused: "why", view: open}, &Verdict{Reason: Refused, Why: "why"}},
		{"down", state{known: true, down: true, view: open}, &Verdict{Reason: Undecided}},
		{"nothing here, more to lease", state{known: true, view: open}, nil},
		{"sold out", state{known: true, barren: true, view: sold}, &Verdict{Reason: SoldOut}},
		{"all paid", state{known: true, barren: true, view: head(func(h *luascripts.Head) { h.Confirmed, h.Hold = 10, 5 })}, &Verdict{Reason: SoldOut}},
		{"unpaid", state{known: true, barren: true, view: head(func(h *luascripts.Head) { h.Pending, h.Hold = 10, 5 })}, &Verdict{Reason: NoneNow}},
		{"leased elsewhere", state{known: true, barren: true, view: head(func(h *luascripts.Head) { h.Leased = 1 })}, &Verdict{Reason: NoneNow}},
		{"in limbo", state{known: true, barren: true, view: head(func(h *luascripts.Head) { h.Limbo = 1 })}, &Verdict{Reason: NoneNow}},
		{"free again", state{known: true, barren: true, view: head(func(h *luascripts.Head) { h.Free = 1 })}, &Verdict{Reason: NoneNow}},
	} {
		a := newAllotment(shard.New(1), NewRing(1), func() Instant { return Instant{} }, 1)
		k := newKeeper(Config{}, a)
		if c.stocked {
			a.stock.Fill(shard.Range{Start: 1, End: 2})
		}
		k.known, k.barren, k.down, k.refused, k.view = c.known, c.barren, c.down, c.refused, c.view
		got := k.judge()
		if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		before := a.Changed()
		k.settleVerdict()
		if v := a.Verdict(); (v == nil) != (got == nil) || v != nil && *v != *got {
			t.Errorf("%s: published %+v", c.name, v)
		}
		if changed := closed(before); changed != (got != nil) {
			t.Errorf("%s: announced %v", c.name, changed)
		}
		again := a.Verdict()
		k.settleVerdict()
		if a.Verdict() != again {
			t.Errorf("%s: the same verdict published twice", c.name)
		}
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
