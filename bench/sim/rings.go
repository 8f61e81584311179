package sim

import (
	"errors"
	"time"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// makes carries out a request of the Keeper to its own machine: it makes or drops a ring, after a moment. Now and then there is
// no room for a ring.
func (e *edge) makes(call any, sent allotment.Instant) bool {
	a := allotment.Answer{Call: call, Sent: sent}
	switch q := call.(type) {
	case allotment.RingRequest:
		a.Reply, a.Err = allotment.MemoryRings{}.Make(q.Lanes, q.Slots, q.From)
		if !e.w.healed && e.w.chance(0.02) {
			a.Err = errNoRoom
		}
	case allotment.OfferRequest:
		e.call(q.Deduct, func(got answer) {
			a.Reply, a.Err = got.reply, got.err
			e.step(a)
		})
		return true
	case allotment.RingDrop:
	default:
		return false
	}
	e.later(e.w.upTo(2*time.Millisecond), func() { e.step(a) })
	return true
}

// errNoRoom is a full disk.
var errNoRoom = errors.New("no room for a ring")

// claims returns the ring's claims for which the ledger has not answered.
func (e *edge) claims() []ledger.Claim {
	claims, offers := e.k.Left()
	for _, o := range offers {
		claims = append(claims, o.Claim)
	}
	return claims
}
