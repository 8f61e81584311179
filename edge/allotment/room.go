package allotment

import (
	"cmp"
	"errors"
	"time"
)

// The Keeper has a Ring made before it leases, and a larger one before it leases more than that one has room for. When nothing
// has been held here for a while, it lets go of all Rings.

const (
	firstSlots = 128                    // slots of the only lane of the first Ring
	ringGrows  = 16                     // how many times larger the next Ring is
	ringRest   = 2 * time.Second        // the Rings go after so long with nothing held
	ringAgain  = time.Second            // between tries to make a Ring
	lastWords  = 200 * time.Millisecond // after a file has failed, for buyers that still use it
)

// RingSize is how many claims may wait for the ledger on each CPU: a second without Redis at 16,000 sales a second.
const RingSize = 1 << 14

// ErrRing says that the Ring's file has failed under its allotment. Claims in it that had not been read wait in limbo for their
// buyers' tokens.
var ErrRing = errors.New("the ring's file has failed")

// RingRequest asks for a Ring. Its Reply is that Ring.
type RingRequest struct {
	Lanes, Slots int
	From         uint64
}

// RingDrop lets go of all Rings.
type RingDrop struct{}

// room is what the Keeper knows about its Rings.
type room struct {
	call                 // RingRequests
	dropping bool        // a RingDrop is under way, or due
	dropSent bool        //
	why      string      // why the newest Ring could not be made
	held     Instant     // when a slot was last in use here
	broken   bool        // the file has failed: this allotment ends
	since    Instant     //
	asked    RingRequest // the request that failed
}

// outstanding is the units that may become claims in the Rings.
func (k *Keeper) outstanding() (n uint64) {
	for _, h := range k.leases {
		n += h.rest.Len()
	}
	return n
}

// fits is how many more units may be leased. Each needs one slot, and one more for a taker that comes too late.
func (k *Keeper) fits() uint64 {
	slots := k.a.ring.slots()
	if slots >= k.a.ring.maxSlots {
		return maxWant
	}
	room := uint64(slots / 2)
	return room - min(room, k.outstanding())
}

// roomless says that a Ring must exist before the next lease call, because the last look found units.
func (k *Keeper) roomless() bool {
	return k.fits() == 0 && k.view.Unkept() > 0 && k.view.Limit == 0
}

// ringNeed is how many slots a lane needs: for units that are held and, if wants and the last look found units, for the next
// lease. 0: as many as there are.
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

// ringDue is the Ring to make now.
func (k *Keeper) ringDue(wants bool) (q RingRequest, due bool) {
	if k.room.busy || k.room.dropping || k.stopping || k.now.Before(k.room.due) {
		return q, false
	}
	need := k.ringNeed(wants)
	if need == 0 {
		return q, false
	}
	q = RingRequest{Lanes: 1, Slots: min(cmp.Or(k.cfg.Slots, firstSlots), k.a.ring.maxSlots)}
	for (uint64(q.Slots) < need || q.Slots <= k.a.ring.slots()) && q.Slots < k.a.ring.maxSlots {
		q.Slots = min(q.Slots*ringGrows, k.a.ring.maxSlots)
		q.Lanes = cmp.Or(k.cfg.Lanes, cpuLanes())
	}
	q.From = k.a.ring.position()
	return q, true
}

// nextRing is when the next Ring is to be made, if one is.
func (k *Keeper) nextRing() (due bool, at Instant) {
	switch {
	case k.room.busy, k.room.dropping, k.stopping:
		return false, at
	case k.ringNeed(false) > 0:
		return true, k.room.due
	case !k.wantsLease() || k.ringNeed(true) == 0:
		return false, at
	case k.room.due.Before(k.leasing.due):
		return true, k.leasing.due
	}
	return true, k.room.due
}

// ringMade takes a Ring, or the reason why there is none.
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

// holdsNothing says that no slot is in use here, or will be.
func (k *Keeper) holdsNothing() bool {
	return len(k.leases)+len(k.claims.batch)+len(k.claims.offers)+len(k.returns.parts) == 0 && !k.leasing.busy &&
		!k.claims.busy && !k.room.busy && k.a.ring.taken() == 0
}

// clearRoom lets go of the Rings when nothing was held for long. A buyer that has one in hand finds it sealed. A buyer with a
// reserved slot publishes it, and the Keeper waits for that.
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
	_, _ = k.a.stock.Take() // it fails, so the Stock learns that it is empty, and buyers hear the verdict
	k.a.ring.withdraw()
	k.a.ring.prune()
}

// dropDue says that no buyer touches the Rings any more.
func (k *Keeper) dropDue() bool {
	return k.room.dropping && !k.room.dropSent && len(k.a.ring.list()) == 0
}

// shatter ends an allotment whose file has failed. Units that were never sold go back. Its leases run out, because claims that
// cannot be read may have been told. Meanwhile buyers hear 503.
func (k *Keeper) shatter() {
	if k.room.broken || !k.a.ring.failed() {
		return
	}
	k.room.broken, k.room.since = true, k.now
	k.stop()
	k.a.announce()
}

// shattered says that all readable claims of a failed file were read. Buyers that used it have ended.
func (k *Keeper) shattered() bool { return k.room.broken && k.now.Sub(k.room.since) >= lastWords }

// sealRings ends reserving in all Rings. It is true if no buyer has a reserved slot, so the Rings' memory may go.
func (k *Keeper) sealRings() bool {
	k.a.ring.withdraw()
	k.a.ring.collect(1<<62, func(record) {})
	return k.a.ring.unread() == 0
}

// Growing says that a buyer without a slot may wait for one, because the Ring can grow.
func (a *Allotment) Growing() bool { return a.ring.slots() < a.ring.maxSlots }

// AwaitRoom says that a buyer waits for a slot, and how often the ledger has taken claims. Changed tells when it does so next.
func (a *Allotment) AwaitRoom() (taken uint64) {
	a.crowded.Store(true)
	return a.taken.Load()
}

// roomMade calls the buyers who wait for a slot.
func (k *Keeper) roomMade() {
	k.a.taken.Add(1)
	if k.a.crowded.Swap(false) {
		k.a.announce()
	}
}
