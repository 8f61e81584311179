package sim

import (
	"spike/edge/allotment"
)

// A ring directory may be copied while its edge lives, and an edge may start on the copy. Or an edge may start on its own
// rings against another store, which does not know their sales.

// copyRing gives some host's next edge, or this one, a copy of a living edge's ring.
func (w *world) copyRing() {
	from, to := w.someHost(), w.someHost()
	if from.edge.gone || to.edge.gone || !from.data || from == to {
		return
	}
	w.tell("the ring of %s is copied to %s", from.edge.name, to.name)
	r := from.edge.remains()
	r.copied = true
	to.left = append(to.left, r)
	if len(to.left) == 1 {
		to.edge.whenAwake(to.edge.recoverAll)
	}
}

// remains returns the ring as it is now.
func (e *edge) remains() *remains {
	claims, offers := e.k.Left()
	r := &remains{party: e.party(), boot: e.host.boots, claims: claims, offers: offers, of: e}
	if e.w.lacks(offerBlind) {
		for _, o := range offers {
			r.claims = append(r.claims, o.Claim)
		}
		r.offers = nil
	}
	return r
}

// startOnOtherStore starts an edge against another store. It must refuse to start.
func (h *host) startOnOtherStore() {
	if !h.w.lacks(storeBlind) || len(h.left) == 0 || !h.w.chance(0.2) {
		return
	}
	for _, r := range h.left {
		h.w.check.heard(r.claims)
	}
	h.left = nil
}

// offer settles the offers of a ring, for their keys.
func (v recovery) offer(rest []allotment.Offer, done, unheard func()) {
	if len(rest) == 0 {
		done()
		return
	}
	v.ask(allotment.DeductOffer(v.r.party.Birth, rest[0]), func() { v.offer(rest[1:], done, unheard) }, unheard)
}
