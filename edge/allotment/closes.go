package allotment

import (
	"time"

	"spike/luascripts"
)

// What an edge may sell while the doors are shut, or will be: nothing.

// clocksAgree is how well two clocks do: one goes ahead of another by less than one part of so many.
const clocksAgree = 500

// life is how long after its call was sent a lease may be sold from. It is over when the sale closes, by the store's clock.
func (k *Keeper) life(h luascripts.Head, deadline int64) time.Duration {
	life := time.Duration(deadline-h.Now)*time.Microsecond - k.cfg.Bounds.Margin
	wait := h.Closes - h.Raw
	if h.Closes == 0 || wait >= life.Microseconds() || k.cfg.Bounds.Lacks(CloseBlind) {
		return life
	}
	return time.Duration(wait-max(wait, 0)/clocksAgree) * time.Microsecond
}

// shut says that the doors are.
func (k *Keeper) shut() bool {
	return k.view.State == luascripts.Paused || k.view.State == luascripts.Closed
}

// prolong gives takers more time, but not while the doors are shut: who has shut them may have been told that nobody sells, and
// a taker who slept may have a serial in hand.
func (k *Keeper) prolong(h *holding, t *Term) {
	if k.shut() {
		return
	}
	h.term.Store(t)
	k.revive(h)
}
