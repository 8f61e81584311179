package allotment

import "spike/luascripts/ledger"

// taking is a Take under way, after its slot was reserved (row 3). Take makes the steps in a row. The simulator's goroutines
// stall between any two of them.
type taking struct {
	a      *Allotment
	n      uint32
	slot   reservedSlot
	before *Table
	table  *Table
	serial uint32
	lease  *Lease
}

// take makes the steps: the Table, the units, their lease, and last the clock.
func (a *Allotment) take(n uint32, p reservedSlot) (Sold, kind, Outcome) {
	t := taking{a: a, n: n, slot: p}
	t.look()
	if !t.cut() {
		return Sold{}, void, Empty
	}
	t.find()
	return t.decide()
}

// look notes the Table before the units are taken.
func (t *taking) look() { t.before = t.a.table.Load() }

// cut takes the units.
func (t *taking) cut() (ok bool) {
	t.serial, ok = t.a.stock.TakeN(t.n)
	return ok
}

// find looks up the units' lease.
func (t *taking) find() {
	t.table = t.a.table.Load()
	t.lease = t.table.find(t.serial)
}

// decide reads the clock. It makes a promise only while the lease is open.
func (t *taking) decide() (s Sold, k kind, o Outcome) {
	now := t.a.clock()
	s.Claim = ledger.Claim{Serial: t.serial, Count: t.n, Nonce: t.slot.nonce()}
	if t.lease == nil || t.doubtful(now) && !t.a.bounds.Lacks(NoDoubt) {
		return s, doubt, Again
	}
	s.Fence = t.lease.fence
	term := t.lease.term.Load()
	if !term.open(now) {
		return s, unsold, Again
	}
	s.Expiry, s.Left = t.lease.expiry(term, now)
	s.Until = now.Wall/1000 + s.Left
	return s, claim, Won
}

// doubtful says that the units may have been taken under an older lease than the one that was found (see doc.go).
func (t *taking) doubtful(now Instant) bool {
	return t.table != t.before && t.lease != t.before.find(t.serial) &&
		now.Mono-t.before.replaced.Load() >= int64(t.a.bounds.Margin)
}

// publish gives the record to the Keeper, and then the outcome to the buyer.
func (a *Allotment) publish(p reservedSlot, k kind, s Sold, o Outcome) (Sold, Outcome) {
	if !p.publish(k, s.Claim) {
		a.wake()
		return Sold{}, Full
	}
	if a.resting.Load() {
		a.wake()
	}
	return s, o
}

// SlowTake is Take with a nap between any two of its steps. nap must call the next step, at any time. decided gets the outcome
// when the clock was read, told when the record is published.
func SlowTake(a *Allotment, n uint32, nap func(func()), decided, told func(Sold, Outcome)) {
	p, outcome := a.reserve(1)
	if outcome != Won {
		told(Sold{}, outcome)
		return
	}
	t := &taking{a: a, n: n, slot: p}
	end := func(s Sold, k kind, o Outcome) {
		decided(s, o)
		nap(func() { told(a.publish(p, k, s, o)) })
	}
	decide := func() { end(t.decide()) }
	find := func() { t.find(); nap(decide) }
	cut := func() {
		if !t.cut() {
			end(Sold{}, void, Empty)
			return
		}
		nap(find)
	}
	nap(func() { t.look(); nap(cut) })
}
