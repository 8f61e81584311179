package allotment

import (
	"reflect"
	"testing"
	"time"

	"spike/luascripts/ledger"
	"spike/shard"
)

func TestJudge(t *testing.T) {
	type state struct {
		stocked, known, exhausted, down bool
		refused                         string
		view                            ledger.Head
	}
	open := ledger.Head{Total: 10}
	head := func(f func(*ledger.Head)) ledger.Head { h := open; f(&h); return h }
	sold := head(func(h *ledger.Head) { h.Pending = 10 })
	kept := head(func(h *ledger.Head) { h.Free, h.Lots.Kept = 2, 2 })
	for _, c := range []struct {
		name string
		state
		want *Verdict
	}{
		{"units here", state{stocked: true, known: true, view: open}, nil},
		{"units here, store gone", state{stocked: true, known: true, down: true, view: open}, nil},
		{"units here, sold out elsewhere", state{stocked: true, known: true, exhausted: true, view: sold}, nil},
		{"units here, paused", state{stocked: true, known: true,
			view: head(func(h *ledger.Head) { h.State = ledger.Paused })},
			&Verdict{Reason: Paused}},
		{"closed", state{known: true, view: head(func(h *ledger.Head) { h.State = ledger.Closed })},
			&Verdict{Reason: Closed}},
		{"closed and down", state{known: true, down: true, view: head(func(h *ledger.Head) { h.State = ledger.Closed })},
			&Verdict{Reason: Closed}},
		{"not open yet", state{known: true, view: head(func(h *ledger.Head) { h.State, h.Opens = ledger.Unopened, 7 })},
			&Verdict{Reason: Unopened, Opens: 7}},
		{"drawing", state{known: true,
			view: head(func(h *ledger.Head) { h.State, h.Opens, h.Lots.Window = ledger.Drawing, 7, 5 })},
			&Verdict{Reason: Drawing, Draws: 12}},
		{"lots kept, units here", state{stocked: true, known: true, view: kept}, &Verdict{Reason: Lots}},
		{"lots kept, more to lease", state{known: true, view: kept}, &Verdict{Reason: Lots}},
		{"lots kept, nothing else", state{known: true, exhausted: true, view: kept},
			&Verdict{Reason: Lots, Others: &Verdict{Reason: NoneNow}}},
		{"lots kept, store gone", state{known: true, exhausted: true, down: true, view: kept},
			&Verdict{Reason: Lots, Others: &Verdict{Reason: Undecided}}},
		{"lots kept, paused",
			state{known: true, view: head(func(h *ledger.Head) { h.State, h.Lots.Kept = ledger.Paused, 2 })},
			&Verdict{Reason: Paused}},
		{"lots of a view forgotten", state{view: kept}, nil},
		{"doors of a view forgotten", state{view: head(func(h *ledger.Head) { h.State = ledger.Closed })}, nil},
		{"refused", state{known: true, refused: "why", view: open}, &Verdict{Reason: Refused, Why: "why"}},
		{"down", state{known: true, down: true, view: open}, &Verdict{Reason: Undecided}},
		{"nothing here, more to lease", state{known: true, view: open}, nil},
		{"sold out", state{known: true, exhausted: true, view: sold}, &Verdict{Reason: SoldOut}},
		{"all paid", state{known: true, exhausted: true, view: head(func(h *ledger.Head) { h.Confirmed, h.Hold = 10, 5 })},
			&Verdict{Reason: SoldOut}},
		{"unpaid", state{known: true, exhausted: true, view: head(func(h *ledger.Head) { h.Pending, h.Hold = 10, 5 })},
			&Verdict{Reason: NoneNow}},
		{"leased elsewhere", state{known: true, exhausted: true, view: head(func(h *ledger.Head) { h.Leased = 1 })},
			&Verdict{Reason: NoneNow}},
		{"in limbo", state{known: true, exhausted: true, view: head(func(h *ledger.Head) { h.Limbo = 1 })},
			&Verdict{Reason: NoneNow}},
		{"free again", state{known: true, exhausted: true, view: head(func(h *ledger.Head) { h.Free = 1 })},
			&Verdict{Reason: NoneNow}},
	} {
		a := newAllotment(shard.New(1), ringsOf(newRing(1)), func() Instant { return Instant{} }, ledger.Bounds{})
		k := newKeeper(Config{}, a)
		if c.stocked {
			a.stock.Fill(shard.Range{Start: 1, End: 2})
		}
		k.view = view{Head: c.view, known: c.known, exhausted: c.exhausted, down: c.down, refused: c.refused}
		got := k.judge()
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		before := a.Changed()
		k.settleVerdict()
		if v := a.Verdict(); !reflect.DeepEqual(v, got) {
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

// Units that are kept for winners cannot be leased. If no other unit is free, there is nothing to lease until they are free for
// all.
func TestKeptUnitsAreNotToBeHad(t *testing.T) {
	for _, limit := range []uint64{0, 1} {
		a := newAllotment(shard.New(1), ringsOf(newRing(1)), func() Instant { return Instant{} }, ledger.Bounds{})
		k := newKeeper(Config{Demand: func() uint64 { return 0 }}, a)
		view := ledger.Head{Total: 9, Free: 3, Limit: limit, Lots: ledger.Lots{Window: 1, Drawn: 1, Winners: 3, Kept: 3}}
		k.leasing.busy = true
		k.Step(Instant{}, Answer{Call: ledger.LeaseRequest{}, Reply: ledger.LeaseReply{Head: view}})
		if v := a.Verdict(); !k.view.exhausted || v == nil || v.Reason != Lots || v.Barring() == nil ||
			v.Barring().Reason != NoneNow {
			t.Errorf("limit %d: exhausted %v, %+v", limit, k.view.exhausted, v)
		}
		k.now = Instant{Mono: int64(time.Hour)}
		if k.idle() { // a call must come when their time is over
			t.Errorf("limit %d: it rests", limit)
		}
		k.view.down = true
		if k.settleVerdict(); a.Verdict().Barring().Reason != Undecided {
			t.Errorf("limit %d: others do not hear that the store is gone", limit)
		}
		k.view.down, k.view.exhausted = false, limit == 0
		if view.Rev++; limit > 0 {
			k.look(view, Instant{Mono: 1})
		}
		if k.settleVerdict(); !k.view.exhausted || a.Verdict().Barring().Reason != NoneNow {
			t.Errorf("limit %d: exhausted %v, %+v", limit, k.view.exhausted, a.Verdict())
		}
		view.Lots.Kept, view.Rev = 0, 2
		k.look(view, Instant{Mono: 1})
		if k.settleVerdict(); k.view.exhausted || a.Verdict() != nil || !k.idle() {
			t.Errorf("limit %d: exhausted %v, %+v", limit, k.view.exhausted, a.Verdict())
		}
	}
}

// The Keeper looks at the ledger when lots are to be drawn, because that look draws them.
func TestLooksWhenLotsAreDrawn(t *testing.T) {
	k := newKeeper(Config{}, newAllotment(shard.New(1), ringsOf(newRing(1)), func() Instant { return Instant{} },
		ledger.Bounds{}))
	k.view.Head = ledger.Head{Raw: 1_000_000, Opens: 1_100_000, Lots: ledger.Lots{Window: 200_000}}
	if got := k.pollEvery(); got != 101*time.Millisecond {
		t.Error(got)
	}
	k.view.Raw = 1_101_000
	if got := k.pollEvery(); got != 200*time.Millisecond {
		t.Error(got)
	}
}
