package allotment

import (
	"time"

	"spike/luascripts/ledger"
)

// While the doors are shut, or after they will be, an edge may sell nothing.

// clocksAgree bounds the difference of two clocks: one gains less than 1 / clocksAgree on the other.
const clocksAgree = 500

// life is how long a lease may be sold from, counted from the sending of its call. It ends when the sale closes, by the store's
// clock.
func (k *Keeper) life(h ledger.Head, deadline int64) time.Duration {
	life := time.Duration(deadline-h.Now)*time.Microsecond - k.cfg.Bounds.Margin
	wait := h.Closes - h.Raw
	if h.Closes == 0 || wait >= life.Microseconds() || k.cfg.Bounds.Lacks(CloseBlind) {
		return life
	}
	return time.Duration(wait-max(wait, 0)/clocksAgree) * time.Microsecond
}

// shut says that the doors are shut.
func (k *Keeper) shut() bool {
	return k.view.State == ledger.Paused || k.view.State == ledger.Closed
}

// extend gives takers more time, but not while the doors are shut. The operator may have been told that no edge sells, and a
// taker that slept may have a serial in hand.
func (k *Keeper) extend(h *holding, t *Term) {
	if k.shut() {
		return
	}
	h.term.Store(t)
	k.revive(h)
}
