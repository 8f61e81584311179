package sim

import (
	"math/rand/v2"
	"time"

	"spike/luascripts/ledger"
)

// An operator pauses a sale and waits until no edge sells, and a sale closes at a set time.

// watched is a part of the fates with random numbers of its own, so that it changes no older world.
type watched struct {
	pausing bool          // the operator pauses the sale, also just after the store has lost its newest history
	votes   bool          // votes give up replicas that are gone for long, while others come and go
	closes  time.Duration // from the start; 0: never
}

func (f *fates) watch(seed uint64) {
	r := rand.New(rand.NewPCG(seed, 4))
	f.pausing = r.IntN(6) == 0
	if f.pausing && r.IntN(2) == 0 {
		f.sleepy, f.slack = max(f.sleepy, 0.1), max(f.slack, 3)
	}
	f.votes = f.store >= replica && r.IntN(3) == 0
	if r.IntN(10) == 0 && !f.crowded() {
		f.closes = f.length/4 + time.Duration(r.Int64N(int64(f.length)))
	}
}

// closesAt is when the sale closes, by the store's clock. 0: never.
func (w *world) closesAt() int64 {
	if w.edited != nil && w.primary.has(w.edited) {
		return w.edited.call.(ledger.EditRequest).Closes.UnixMicro()
	}
	return ledger.Micro(w.closes())
}

// closes is when it was to close at first.
func (w *world) closes() (at time.Time) {
	if w.fates.closes > 0 {
		at = time.UnixMicro(start/1000 + w.fates.closes.Microseconds())
	}
	return at
}

// pauseFaults plans the faults around a pause and around the close.
func (w *world) pauseFaults() {
	w.repeat(w.fates.pausing, 4*time.Second, w.pauseSale)
	w.repeat(w.fates.pausing && w.fates.store == lossy, 5*time.Second, w.crashUnnoticed)
	w.repeat(w.fates.payment.edits, 2*time.Second, w.closeEarlier)
	if w.fates.closes > 0 && w.chance(0.7) {
		w.after(w.fates.closes-w.upTo(time.Second), func() {
			if w.healed {
				return
			}
			w.tell("the store stands still over the end of the sale")
			w.outage = max(w.outage, w.now+int64(4*time.Second))
		})
		for _, h := range w.hosts {
			w.after(w.fates.closes+w.upTo(1500*time.Millisecond), func() { h.edge.whenAwake(h.edge.buyerComes) })
		}
	}
}

// crashUnnoticed makes the store come back without its newest history while an edge is cut off from it. The operator pauses
// the sale at that moment.
func (w *world) crashUnnoticed() {
	if !w.primary.up || !w.mayMove() {
		return
	}
	w.someHost().cutOff(w.fates.term + w.bounds.Margin)
	w.primary.crash(w.upTo(10*time.Second), w.upTo(500*time.Millisecond), false)
	const look = 20 * time.Millisecond
	w.after(look, func() { w.whenAtLast(look, func() bool { return w.primary.up }, w.pauseSale) })
}

// How admin.Shut waits.
const (
	lookEvery = 50 * time.Millisecond
	sweepEach = 8
)

// pauseSale does what admin.Shut does.
func (w *world) pauseSale() {
	if w.healed || !w.primary.up {
		return
	}
	if h := w.someHost(); w.fates.sleepy > 0 && w.chance(0.5) {
		w.leaveAsleep(h)
	}
	w.tell("the operator pauses the sale")
	w.operate(ledger.ChangeRequest{To: "paused"})
	w.awaitQuiet(1, w.primary.era)
}

// leaveAsleep makes an edge unreachable until its leases have ended. Some of its buyers' goroutines stall meanwhile.
func (w *world) leaveAsleep(h *host) {
	away := w.fates.term + w.bounds.Margin + w.upTo(time.Second)
	for range 6 {
		h.edge.whenAwake(func() {
			h.edge.stallingTake(1, func() time.Duration {
				if w.healed || w.chance(0.6) {
					return 0
				}
				return min(away+w.upTo(2*time.Second), w.longestNap())
			})
		})
	}
	h.cutOff(away)
}

func (w *world) awaitQuiet(looks int, era uint64) {
	w.after(lookEvery, func() {
		switch s := w.primary; {
		case w.healed:
			return
		case !s.up:
		default:
			if looks%sweepEach == 0 {
				w.sweep()
			}
			shown := s.show()
			switch {
			case shown.State == ledger.Paused && shown.Quiet():
				w.silence()
				return
			case shown.State == ledger.Paused:
			case shown.Era == era:
				return // another operator opens or pauses the sale
			default:
				w.order(ledger.ChangeRequest{To: "paused"})
				era = s.era
			}
		}
		w.awaitQuiet(looks+1, era)
	})
}

// silence is the moment when the operator hears that no edge sells. After a while the sale goes on.
func (w *world) silence() {
	w.tell("the operator hears that no edge sells")
	w.silent = w.primary.log[len(w.primary.log)-1]
	w.after(w.upTo(8*time.Second), func() {
		if !w.healed && w.primary.up {
			w.operate(ledger.ChangeRequest{To: "open"})
		}
	})
}

// show does what show.lua does: it writes nothing.
func (s *server) show() ledger.ShowReply {
	s.twin.On(s.node())
	return s.twin.Show(s.raw())
}

// stillSells checks a promise. It must not be made after the operator has heard that no edge sells, nor after the close.
func (c *checks) stillSells(e *edge, claim ledger.Claim) {
	w := c.w
	if e.fooled {
		return
	}
	if w.silent != nil {
		w.fail("%s promises serial %d after the operator has heard that no edge sells", e.name, claim.Serial)
	}
	calm := w.now-w.moved > int64(w.fates.term+2*timeout) // edges have heard the clock since its jump
	if at := w.closesAt(); at > 0 && calm && w.primary.raw() >= at {
		w.fail("%s promises serial %d %d us after the sale has closed", e.name, claim.Serial, w.primary.raw()-at)
	}
}

// rightClocks makes sure that no store's clock is behind, for a sale that opens, draws or closes by it.
func (w *world) rightClocks() {
	for _, s := range w.servers {
		s.skew = max(s.skew, 0)
	}
	w.moved = w.now
	w.moves++
}

// atTheEnd waits until a closed sale is at rest.
func (w *world) atTheEnd() {
	w.rightClocks()
	w.until(w.now+max(w.closesAt()-w.primary.raw(), 0)*1000+int64(time.Millisecond), nil)
	w.mustEnd("the sale is closed, and nothing is on an edge", idleAfter, func(h ledger.Head) bool { return h.Leased+h.Limbo == 0 })
	w.until(w.now+int64(5*time.Second+w.longestNap()), nil)
}
