package allotment

import (
	"reflect"

	"spike/luascripts/ledger"
)

// Reason is why no unit can be had now.
type Reason int

// The reasons. The zero value promises nothing.
const (
	Undecided Reason = iota // nobody knows, because the store does not answer
	SoldOut                 // for good
	NoneNow                 // held, unsold or unpaid units may come back
	Paused                  //
	Unopened                // not open yet
	Closed                  //
	Refused                 // the sale makes no sense, or was changed by hand
	Gone                    // this allotment has ended: look the sale up anew
	Drawing                 // buyers enter the draw, and before it nothing is sold
	Lots                    // some units are kept for buyers who have drawn them: see Others
	Reasons                 // the number of reasons
)

// Verdict is the answer to every buyer while it stands.
type Verdict struct {
	Reason Reason
	Why    string   // Refused: what is wrong
	Opens  int64    // Unopened: by the store's clock, Unix microseconds
	Draws  int64    // Drawing: as Opens
	Others *Verdict // Lots: the answer to all other buyers; nil: they may buy
}

// Barring is the verdict for a buyer for whom no unit is kept.
func (v *Verdict) Barring() *Verdict {
	if v != nil && v.Reason == Lots {
		return v.Others
	}
	return v
}

// NothingLeft says that buyers hear of no unit for them, now or for good.
func (v *Verdict) NothingLeft() bool { return v != nil && (v.Reason == SoldOut || v.Reason == NoneNow) }

// Door is the verdict of a sale with shut doors, or nil.
func Door(h ledger.Head) *Verdict {
	switch h.State {
	case ledger.Open:
	case ledger.Paused:
		return &Verdict{Reason: Paused}
	case ledger.Closed:
		return &Verdict{Reason: Closed}
	case ledger.Unopened:
		return &Verdict{Reason: Unopened, Opens: h.Opens}
	case ledger.Drawing:
		return &Verdict{Reason: Drawing, Draws: h.DrawsAt()}
	}
	return nil
}

// judge computes the verdict. Only the Keeper fills the Stock, so an Empty Stock stays Empty meanwhile.
func (k *Keeper) judge() *Verdict {
	if k.room.broken {
		return &Verdict{Reason: Undecided}
	}
	if door := Door(k.view.Head); k.view.known && door != nil {
		return door
	}
	if k.view.known && k.view.Lots.Kept > 0 {
		return &Verdict{Reason: Lots, Others: k.judgeStock()}
	}
	return k.judgeStock()
}

func (k *Keeper) judgeStock() *Verdict {
	switch {
	case !k.a.stock.Empty():
		return nil
	case k.view.exhausted && k.view.Final():
		return &Verdict{Reason: SoldOut}
	case k.view.refused != "":
		return &Verdict{Reason: Refused, Why: k.view.refused}
	case k.view.down, k.recovering(), k.room.why != "":
		return &Verdict{Reason: Undecided}
	case !k.view.exhausted:
		return nil
	}
	return &Verdict{Reason: NoneNow}
}

// settleVerdict publishes the verdict if it differs from the present one.
func (k *Keeper) settleVerdict() {
	now, was := k.judge(), k.a.verdict.Load()
	if reflect.DeepEqual(now, was) || k.cfg.Bounds.Lacks(OldVerdict) && now != nil && was != nil {
		return
	}
	k.a.verdict.Store(now)
	k.a.announce()
}
