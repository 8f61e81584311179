package sim

import (
	"time"

	"spike/luascripts/ledger"
)

// At the end of a world edges must be at rest, units must have owners, and calls must have been few.

// mostTurns is how often units may come back after all were sold: a buyer with a token may cancel until its hold is over.
const mostTurns = 40

// mustLast waits until something is so and stays so. By then every edge must know it, and no edge may ask for units that do
// not exist. A token that is shown late restarts the wait.
func (w *world) mustLast(what string, d time.Duration, so func(ledger.Head) bool) {
	if w.fates.sleepy > 0 {
		d += w.longestNap()
	}
	for range mostTurns {
		w.mustEnd(what, w.longestQueue(), so)
		if !w.until(w.now+int64(d), func() bool { return !so(w.primary.twin.Last()) }) {
			if w.mustRest() {
				return
			}
		}
		w.tell("%s, but not for long", what)
	}
	w.fail("%s, and then it is not, %d times over", what, mostTurns)
}

// mustRest checks that Keepers without work look only now and then. It returns whether the state lasted.
func (w *world) mustRest() bool {
	before, d := w.calls, 2*time.Second
	h := w.primary.twin.Last()
	w.until(w.now+int64(d), nil)
	if w.primary.twin.Last().Gen != h.Gen { // somebody has cancelled meanwhile
		return false
	}
	if !h.Final() {
		return true
	}
	looks, asks := w.calls.renew-before.renew, w.calls.lease+w.calls.giveBack-before.lease-before.giveBack
	if n := len(w.hosts); looks > 5*n || asks > 2*n {
		w.fail("all is sold, and in %v %d edges look %d times, and lease or give back %d times", d, n, looks, asks)
	}
	return true
}

// calls counts the Keepers' calls that reach the store.
type calls struct{ lease, renew, giveBack int }

func (c *calls) note(call any) {
	switch call.(type) {
	case ledger.LeaseRequest:
		c.lease++
	case ledger.RenewRequest:
		c.renew++
	case ledger.GiveBackRequest:
		c.giveBack++
	}
}

// bounded checks that units do not go round for ever. An edge may look and ask a few times a second, and beyond that a few
// times for each sold unit.
func (c calls) bounded(w *world) {
	n := len(w.hosts)
	steady := n * (int(time.Duration(w.now-start)/time.Second) + 10)
	sold := int(w.Sold)
	looks := 2*steady + 8*sold
	if w.fates.window > 0 { // an edge looks more often for a draw that is due, which a recovery may delay
		looks += 10 * steady
	}
	if c.renew > looks {
		w.fail("%d looks of %d edges, which sold %d units: more than %d", c.renew, n, sold, looks)
	}
	if asks := 3*steady + 4*sold; c.lease+c.giveBack > asks {
		w.fail("%d leases and %d give-backs of %d edges, which sold %d units: more than %d", c.lease, c.giveBack, n, sold, asks)
	}
}

// deducted is added to the nonces of Deducts, because nonces of rings are smaller.
const deducted = 1 << 50

// nonce is a new one for a Deduct.
func (w *world) nonce() uint64 {
	w.nonces++
	return deducted + w.nonces
}

// soldHaveOwners checks that every sold unit has an owner who was told, or is of a Deduct without an answer. Told, free and
// unanswered units are the total.
func (c *checks) soldHaveOwners() {
	if c.w.fates.keys { // a keyed offer's buyer may hear of it much later
		return
	}
	t := c.w.primary.twin
	told := map[claimID]bool{}
	for _, p := range c.order {
		told[idOf(p.Claim)] = true
	}
	for s := uint32(1); uint64(s) <= t.Last().Total; s++ {
		o, _, owned := t.Owner(s)
		if owned && o.Nonce < deducted && !told[idOf(o)] {
			c.w.fail("serial %d is sold under %d, and nobody was told", s, o.Fence)
		}
	}
}
