package sim

import (
	"time"

	"spike/luascripts/ledger"
)

// holder is a buyer with a token. It pays, cancels or looks through any edge, and asks again until it is answered.
type holder struct {
	w     *world
	p     *promise
	what  tokenCall
	by    time.Duration // of prolong
	tries int
}

// giveToken decides how the winner uses its token.
func (w *world) giveToken(p *promise) {
	f := w.fates
	dice := w.rng.Float64()
	h := &holder{w: w, p: p, tries: 8}
	switch {
	case dice < f.pays:
		h.pay()
	case dice < f.pays+f.cancels:
		h.what = cancel
	case dice < f.pays+f.cancels+f.looks:
		h.what = look
	default:
		return
	}
	late := f.hold
	if late == 0 {
		late = 4 * time.Second
	}
	w.after(w.upTo(late+late/10), h.show)
}

// show brings the token to some edge.
func (h *holder) show() {
	if h.tries--; h.tries < 0 {
		return
	}
	q := byToken{what: h.what, birth: h.p.birth, claim: h.p.Claim, by: h.by}
	h.w.call(h.w.someHost(), q, h.hear)
}

// hear takes the answer.
func (h *holder) hear(a answer) {
	w := h.w
	if a.err != nil {
		w.after(300*time.Millisecond+w.upTo(time.Second), h.show)
		return
	}
	r := a.reply.(ledger.ReservationReply)
	w.trace(learned, uint64(h.what), uint64(r.Life), h.p.Nonce, h.p.Fence)
	if w.telling {
		w.tell("the holder of %v hears %v", h.p.Claim, r.Life)
	}
	switch {
	case h.what == confirm && r.Life == ledger.IsConfirmed:
		w.check.confirmed(h.p, a)
		h.paid()
	case h.what == prolong && r.Life == ledger.IsPending:
		h.prolonged(r, a)
	case h.what == release && r.Life == ledger.IsRefunded:
		h.refunded()
	}
}

// regret cancels after the confirm, which is too late.
func (h *holder) regret() {
	if h.w.chance(0.2) {
		h.what, h.tries = cancel, 4
		h.w.after(h.w.upTo(time.Second), h.show)
	}
}
