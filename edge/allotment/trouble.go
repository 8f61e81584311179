package allotment

import "time"

// Ailment is what kind of trouble a sale has.
type Ailment string

// The ailments. All but Refused leave buyers undecided.
const (
	StoreAway Ailment = "store"    // it does not answer, or takes no writes
	Cut       Ailment = "recovery" // its history was cut: it grants nothing yet
	NoRing    Ailment = "ring"     // there is no room for one
	ByHand    Ailment = "refused"  // the ledger refuses: somebody has changed the hash
)

// Trouble is why a sale gets no new units here.
type Trouble struct {
	Ailment
	Why  string
	Ring RingRequest // of NoRing: what could not be made
}

// proofs counts what shows that trouble is over.
type proofs struct{ answers, grants, rings uint64 }

// trouble is why nothing is to be had, as far as the newest answers tell; nil: nothing of the kind.
func (k *Keeper) trouble() *Trouble {
	switch {
	case k.room.why != "":
		return &Trouble{NoRing, k.room.why, k.room.asked}
	case k.view.down:
		return &Trouble{Ailment: StoreAway, Why: k.view.downWhy}
	case k.recovering() && k.recovery.lossy:
		return &Trouble{Ailment: Cut, Why: "the store has lost history: nothing is granted until all that was promised in it is over " +
			"(spike sale show says when, spike sale reopen --grants does not wait)"}
	case k.recovering():
		return &Trouble{Ailment: Cut, Why: "the store's history was cut by a restart or a fail-over: it waits for every edge to say what it holds"}
	case k.view.refused != "":
		return &Trouble{Ailment: ByHand, Why: k.view.refused}
	}
	return nil
}

// notice tells when trouble comes, changes, and is over. Without buyers the Keeper forgets its reasons for saying no, so that
// the next buyer makes it look; trouble is over when something has shown it.
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
		r.keeper.cfg.Notice(was.words(), now.words())
	}
}

func (t *Trouble) words() string {
	if t == nil {
		return ""
	}
	return t.Why
}

// over says that since trouble was seen last the opposite was shown, here or by who was told of it.
func (r *Runner) over(was *Trouble) bool {
	shown := r.keeper.shown
	return r.cured.Load() == was || was.Ailment == Cut || was.Ailment == StoreAway && shown.answers > r.shown.answers ||
		was.Ailment == ByHand && shown.grants > r.shown.grants || was.Ailment == NoRing && shown.rings > r.shown.rings
}

// Trouble is what stands now, or nil.
func (r *Runner) Trouble() *Trouble { return r.trouble.Load() }

// Cure says that the cause of this trouble was looked at, and is gone.
func (r *Runner) Cure(t *Trouble) {
	r.cured.Store(t)
	r.wake()
}

// Ails says that a buyer who came now would hear that nobody knows.
func (r *Runner) Ails() bool {
	t, v := r.trouble.Load(), r.Verdict().Barring()
	return t != nil && t.Ailment != ByHand && (v != nil && v.Reason == Undecided || v == nil && r.IsEmpty())
}

// SeenWithin says that the ledger has answered for this sale lately.
func (r *Runner) SeenWithin(d time.Duration) bool {
	at := r.answered.Load()
	return at != 0 && r.clock().Mono-at < int64(d)
}
