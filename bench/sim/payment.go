package sim

import (
	"math/rand/v2"
	"time"

	"spike/luascripts/ledger"
)

// Payment services and operators do more than confirm: a hold is prolonged while somebody pays, money goes back, and the operator
// moves the time at which the sale closes.

// payment is a part of the fates with random numbers of its own, so that it changes no older world.
type payment struct {
	prolongs float64 // share of winners whose payment service asks for more time first
	refunds  float64 // share of paid units whose money goes back
	edits    bool    // the operator has the sale close earlier
}

func (f *fates) payments(seed uint64) {
	r := rand.New(rand.NewPCG(seed, 8))
	if r.IntN(4) > 0 || f.keys { // an offer to a key goes wrong seldom, and money must not hide it
		return
	}
	f.payment.prolongs = 0.6 * r.Float64()
	// A lost refund leaves its unit with the owner before, and a lease of it from the lost history is worth nothing.
	if f.store != lossy && !f.backups && f.plot == noPlot {
		f.payment.refunds = 0.6 * r.Float64()
	}
	if f.payment.edits = r.IntN(3) == 0 && !f.pausing && !f.crowded() && f.window == 0; f.payment.edits {
		f.closes, f.jumps = f.length, false
	}
}

// pay has the holder of a token ask for more time, and then pay.
func (h *holder) pay() {
	w := h.w
	h.what = confirm
	if w.fates.payment.prolongs > 0 && w.fates.hold > 0 && w.chance(w.fates.payment.prolongs) {
		h.what, h.by = prolong, w.upTo(w.fates.hold)+time.Millisecond
	}
}

// prolonged notes that a holder was told of a later end. Then it pays, perhaps long after the first end.
func (h *holder) prolonged(r ledger.ReservationReply, a answer) {
	w := h.w
	w.check.prolonged(h.p, r, a)
	h.what, h.tries = confirm, 8
	if w.chance(0.3) {
		return // it never comes back: nobody else may have the units before the new end
	}
	w.after(w.upTo(time.Duration(max(r.Until-r.Raw, 0))*time.Microsecond), h.show)
}

// paid may want the money back, or cancel, which is too late.
func (h *holder) paid() {
	w := h.w
	if r := w.fates.payment.refunds; r > 0 && !w.healed && w.chance(r) {
		h.what, h.tries = release, 8
		w.after(w.upTo(2*time.Second), h.show)
		return
	}
	h.regret()
}

// refunded asks again now and then, when the units may be another buyer's.
func (h *holder) refunded() {
	w := h.w
	if !w.healed && w.chance(0.5) {
		w.after(w.upTo(4*time.Second), h.show)
	}
}

// prolonged notes a later end. The ledger has the promise from now on.
func (c *checks) prolonged(p *promise, r ledger.ReservationReply, a answer) {
	p.longer, p.until = a.entry, r.Now+r.Until-r.Raw
	p.ends = max(p.ends, c.soon(r.Until-r.Raw))
	c.keeps(p, a)
}

// letGo notes that the operator has put a promise's units back on sale. Nobody counts on the promise any more, on any server.
func (c *checks) letGo(q byToken, r ledger.ReservationReply) {
	if p := c.of(q.claim); p != nil && r.Life == ledger.IsRefunded && q.what == release {
		p.paid, p.paidFor, p.over = nil, false, true
		c.w.fresh = c.w.now
	}
}

// closeEarlier has the sale close a little later than now. The ledger refuses that where an edge may not hear of it in time.
func (w *world) closeEarlier() {
	if w.healed || !w.primary.up || w.edited != nil {
		return
	}
	closes := time.UnixMicro(w.primary.raw()).Add(w.oneOf(w.fates.term/2, 3*w.fates.term))
	if closes.UnixMicro() >= w.closesAt() {
		return
	}
	for _, h := range w.hosts {
		if !h.edge.a.IsEmpty() && w.chance(0.7) { // it does not hear of it
			h.cutOff(2*w.fates.term + w.bounds.Margin)
		}
	}
	w.tell("the operator has the sale close at %d", closes.UnixMicro())
	if _, e, err := w.primary.execute(ledger.EditRequest{Closes: &closes}); err == nil {
		w.edited = e
	}
}
