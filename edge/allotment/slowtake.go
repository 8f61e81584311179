package allotment

import "spike/luascripts"

// SlowTake is Allotment.Take in pieces, for a simulator whose goroutines stall: nap comes between any two of its steps,
// and goes on with the next when it likes. decided hears the outcome when the clock was read, told when the record is
// published. TestSlowTakeIsTake holds it to Take.
func SlowTake(a *Allotment, n uint32, b luascripts.Bounds, nap func(func()), decided, told func(Sold, Outcome)) {
	if a.stock.Empty() {
		told(Sold{}, Empty)
		return
	}
	p, ok := a.ring.reserve()
	if !ok {
		told(Sold{}, a.noSlot())
		return
	}
	t := &slowTake{a: a, n: n, p: p, b: b, nap: nap, decided: decided, told: told}
	nap(t.first)
}

// slowTake is a Take under way.
type slowTake struct {
	a      *Allotment
	n      uint32
	p      place
	b      luascripts.Bounds
	before *Table
	table  *Table
	serial uint32
	lease  *Lease

	nap           func(func())
	decided, told func(Sold, Outcome)
}

func (t *slowTake) first() {
	t.before = t.a.table.Load()
	t.nap(t.cut)
}

func (t *slowTake) cut() {
	serial, ok := t.a.stock.TakeN(t.n)
	if !ok {
		t.end(Sold{}, void, Empty)
		return
	}
	t.serial = serial
	t.nap(t.find)
}

func (t *slowTake) find() {
	t.table = t.a.table.Load()
	t.lease = t.table.find(t.serial)
	t.nap(t.decide)
}

func (t *slowTake) decide() {
	now := t.a.clock()
	s := Sold{Claim: luascripts.Claim{Serial: t.serial, Count: t.n, Nonce: t.p.nonce()}}
	if t.lease == nil || t.doubtful(now) && !t.b.Lacks(NoDoubt) {
		t.end(s, doubt, Again)
		return
	}
	s.Fence = t.lease.fence
	term := t.lease.term.Load()
	if !term.open(now) {
		t.end(s, unsold, Again)
		return
	}
	s.Expiry, s.Until = t.lease.expiry(term, now)
	t.end(s, claim, Won)
}

func (t *slowTake) doubtful(now Instant) bool {
	return t.table != t.before && t.lease != t.before.find(t.serial) && now.Mono-t.before.replaced.Load() >= t.a.margin
}

func (t *slowTake) end(s Sold, k kind, o Outcome) {
	t.decided(s, o)
	t.nap(func() {
		_ = t.p.publish(k, s.Claim)
		if t.a.resting.Load() {
			t.a.wake()
		}
		t.told(s, o)
	})
}
