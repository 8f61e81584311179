package allotment

import "time"

// Ailment is the kind of a sale's trouble.
type Ailment string

// The ailments. All but ByHand leave buyers undecided.
const (
	StoreAway Ailment = "store"    // the store does not answer, or takes no writes
	Cut       Ailment = "recovery" // the store's history was cut: it grants nothing yet
	NoRing    Ailment = "ring"     // there is no room for a ring
	ByHand    Ailment = "refused"  // the ledger refuses, because the hash was changed by hand
)

// Trouble is why a sale gets no new units here.
type Trouble struct {
	Ailment
	Why  string
	Ring RingRequest // for NoRing: the Ring that could not be made
}

// proofs counts events that show that trouble is over.
type proofs struct{ answers, grants, rings uint64 }

// trouble is why no units can be had, as of the newest answers; nil: no trouble.
func (k *Keeper) trouble() *Trouble {
	switch {
	case k.room.why != "":
		return &Trouble{NoRing, k.room.why, k.room.asked}
	case k.view.down:
		return &Trouble{Ailment: StoreAway, Why: k.view.downWhy}
	case k.recovering() && k.recovery.lossy:
		return &Trouble{Ailment: Cut,
			Why: "the store has lost history: nothing is granted until all that was promised in it is over " +
				"(spike sale show says when, spike sale reopen --grants does not wait)"}
	case k.recovering():
		return &Trouble{Ailment: Cut,
			Why: "the store's history was cut by a restart or a fail-over: it waits for every edge to say what it holds"}
	case k.view.refused != "":
		return &Trouble{Ailment: ByHand, Why: k.view.refused}
	}
	return nil
}

// notice reports when trouble comes, changes, and is over. Without buyers the Keeper forgets its reasons for "no", so that the
// next buyer makes it look. Trouble is over only when something has shown it.
func (r *Runner) notice() {
	now, was := r.keeper.trouble(), r.trouble.Load()
	if !r.keeper.view.down && r.keeper.view.known {
		r.answered.Store(r.keeper.view.seen.Mono)
	}
	switch {
	case now != nil:
		r.shown = r.keeper.shown
	case was == nil || !r.over(was):
		return
	}
	if now != nil && was != nil && *now == *was {
		return
	}
	r.trouble.Store(now)
	if r.keeper.cfg.Notice != nil {
		r.keeper.cfg.Notice(was, now)
	}
}

// over says that the opposite was shown since the newest trouble, here or by Cure.
func (r *Runner) over(was *Trouble) bool {
	shown := r.keeper.shown
	return r.cured.Load() == was || was.Ailment == Cut || was.Ailment == StoreAway && shown.answers > r.shown.answers ||
		was.Ailment == ByHand && shown.grants > r.shown.grants || was.Ailment == NoRing && shown.rings > r.shown.rings
}

// Trouble is the present trouble, or nil.
func (r *Runner) Trouble() *Trouble { return r.trouble.Load() }

// Cure says that the cause of this trouble was checked, and is gone.
func (r *Runner) Cure(t *Trouble) {
	r.cured.Store(t)
	r.wake()
}

// Ails says that a buyer that came now would hear 503.
func (r *Runner) Ails() bool {
	t, v := r.trouble.Load(), r.Verdict().Barring()
	return t != nil && t.Ailment != ByHand && (v != nil && v.Reason == Undecided || v == nil && r.IsEmpty())
}

// SeenWithin says that the ledger has answered for this sale within d.
func (r *Runner) SeenWithin(d time.Duration) bool {
	at := r.answered.Load()
	return at != 0 && r.clock().Mono-at < int64(d)
}
