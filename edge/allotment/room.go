package allotment

import (
	"errors"
	"time"
)

// The Keeper has a Ring made before it leases, a larger one before it leases more than that has room for, and lets go of
// all when nothing has been held here for a while.

const (
	firstSlots = 128                    // of a lane, in the first Ring, which has one
	ringGrows  = 16                     // times
	ringRest   = 2 * time.Second        // with nothing held: the Rings go
	ringAgain  = time.Second            // between the tries to make one
	lastWords  = 200 * time.Millisecond // after a file has failed, for who is in it
)

// RingSize is how many claims may wait for the ledger on each CPU: a second of Redis silence at 16,000 sales a second.
const RingSize = 1 << 14

// ErrRing says that the Ring's file has failed under its allotment: what was sold from it and had not been read there waits
// for its buyers' tokens in limbo.
var ErrRing = errors.New("the ring's file has failed")

// RingRequest asks for a Ring: its Reply.
type RingRequest struct {
	Lanes, Slots int
	From         uint64
}

// RingDrop lets go of all Rings.
type RingDrop struct{}

// room is the Keeper's hand on the Rings.
type room struct {
	call                 // RingRequests
	dropping bool        // a RingDrop is, or must be
	dropSent bool        //
	why      string      // the newest could not be made
	held     Instant     // when something was last held here
	broken   bool        // the file has failed: this allotment ends
	since    Instant     //
	asked    RingRequest // that could not be made
}

// outstanding is the units that may come to lie in the Rings as claims.
func (k *Keeper) outstanding() (n uint64) {
	for _, h := range k.leases {
		n += h.rest.Len()
	}
	return n
}

// fits is how many units more may be leased: a slot for each, and one for a taker who comes too late.
func (k *Keeper) fits() uint64 {
	slots := k.a.ring.slots()
	if slots >= k.a.ring.maxSlots {
		return maxWant
	}
	room := uint64(slots / 2)
	return room - min(room, k.outstanding())
}

// roomless says that a Ring must be there before the next lease call: the last look found units.
func (k *Keeper) roomless() bool {
	return k.fits() == 0 && k.view.Unkept() > 0 && k.view.Limit == 0
}

// ringNeed is how many slots a lane needs: for what is held, and for the next lease if one is wanted and the last look found
// units; 0: as many as there are.
func (k *Keeper) ringNeed(wants bool) uint64 {
	slots := k.a.ring.slots()
	if slots >= k.a.ring.maxSlots {
		return 0
	}
	units := k.outstanding()
	if wants && k.view.Unkept() > 0 && k.view.Limit == 0 {
		units += k.shortfall()
	}
	if 2*units <= uint64(slots) {
		return 0
	}
	return 2 * units
}

// ringDue is the Ring that is to be made now.
func (k *Keeper) ringDue(wants bool) (q RingRequest, due bool) {
	if k.room.busy || k.room.dropping || k.stopping || k.now.Before(k.room.due) {
		return q, false
	}
	need := k.ringNeed(wants)
	if need == 0 {
		return q, false
	}
	first := firstSlots
	if k.cfg.Slots > 0 {
		first = k.cfg.Slots
	}
	q = RingRequest{Lanes: 1, Slots: min(first, k.a.ring.maxSlots)}
	for (uint64(q.Slots) < need || q.Slots <= k.a.ring.slots()) && q.Slots < k.a.ring.maxSlots {
		q.Slots = min(q.Slots*ringGrows, k.a.ring.maxSlots)
		q.Lanes, _ = ringShape(1)
	}
	if k.cfg.OneLane {
		q.Lanes = 1
	}
	q.From = k.a.ring.position()
	return q, true
}

// nextRing is when the next Ring is to be made, if one is.
func (k *Keeper) nextRing() (at Instant, due bool) {
	switch {
	case k.room.busy, k.room.dropping, k.stopping:
		return at, false
	case k.ringNeed(false) > 0:
		return k.room.due, true
	case !k.wantsLease() || k.ringNeed(true) == 0:
		return at, false
	case k.room.due.Before(k.leasing.due):
		return k.leasing.due, true
	}
	return k.room.due, true
}

// ringAnswered takes in what is not the ledger's answer.
func (k *Keeper) ringAnswered(e Answer) bool {
	switch e.Call.(type) {
	case RingRequest:
		k.ringMade(e)
	case RingDrop:
		k.room.dropping, k.room.dropSent = false, false
	default:
		return false
	}
	return true
}

// ringMade takes in a Ring, or why there is none.
func (k *Keeper) ringMade(e Answer) {
	k.room.busy = false
	if e.Err != nil {
		k.room.why, k.room.due = e.Err.Error(), k.now.Add(ringAgain)
		k.room.asked = e.Call.(RingRequest)
		k.a.announce()
		return
	}
	k.room.why, k.room.held = "", k.now
	k.shown.rings++
	k.a.ring.install(e.Reply.(*Ring))
	k.leasing.due = k.now
	k.a.announce()
}

// holdsNothing says that no slot is in use here, nor will be.
func (k *Keeper) holdsNothing() bool {
	return len(k.leases)+len(k.claims.batch)+len(k.claims.offers)+len(k.returns.parts) == 0 && !k.leasing.busy && !k.claims.busy && !k.room.busy &&
		k.a.ring.unread() == 0 && k.a.ring.taken() == 0
}

// clearRoom lets go of the Rings when nothing was held for long. Who has one in hand finds it sealed; who has a slot
// publishes it, and is waited for.
func (k *Keeper) clearRoom() {
	switch {
	case len(k.a.ring.list()) == 0 || k.room.dropping && k.room.dropSent:
		return
	case !k.holdsNothing(), k.room.held == Instant{}:
		k.room.held = k.now
		return
	case k.now.Sub(k.room.held) < ringRest && !k.room.dropping:
		return
	}
	k.room.dropping = true
	_, _ = k.a.stock.Take() // there is none: now the Stock knows, and buyers hear the verdict
	k.a.ring.withdraw()
	k.a.ring.prune()
}

// dropDue says that nobody touches the Rings any more.
func (k *Keeper) dropDue() bool {
	return k.room.dropping && !k.room.dropSent && len(k.a.ring.list()) == 0
}

// shatter ends an allotment whose file has failed. What was never sold goes back; its leases run out, for claims that nobody
// can read may be told; buyers hear 503 meanwhile.
func (k *Keeper) shatter() {
	if k.room.broken || !k.a.ring.failed() {
		return
	}
	k.room.broken, k.room.since = true, k.now
	k.stop()
	k.a.announce()
}

// shattered says that what could be read of a file that has failed was read: who was at it has come to an end.
func (k *Keeper) shattered() bool { return k.room.broken && k.now.Sub(k.room.since) >= lastWords }

// Broken says that the Ring's file has failed.
func (k *Keeper) Broken() bool { return k.room.broken }

// SealRings lets nobody reserve a slot from now on; true: nobody has one either, so that the Rings' memory may go.
func (k *Keeper) SealRings() bool {
	k.a.ring.withdraw()
	k.a.ring.collect(1<<62, func(record) {})
	return k.a.ring.unread() == 0
}

// noSlot is the outcome of a Take that found no slot: where there is no Ring, there is nothing to sell.
func (a *Allotment) noSlot() Outcome {
	if a.ring.slots() == 0 {
		return Empty
	}
	return Full
}

// Growing says that who found no slot may wait for one: there is no Ring, or a small one.
func (a *Allotment) Growing() bool { return a.ring.slots() < a.ring.maxSlots }
