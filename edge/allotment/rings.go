package allotment

import (
	"sync/atomic"

	"spike/luascripts"
)

// rings are an allotment's Rings: the one that buyers put into, and, for a while, smaller ones before it that are sealed
// and not read to their end. None while nothing is held here: a sale that sells nothing costs no slots.
type rings struct {
	now      atomic.Pointer[Ring]
	all      atomic.Pointer[[]*Ring] // the Keeper writes it, oldest first
	maxSlots int                     // slots of a lane: there is no larger one
	from     uint64                  // the Keeper's: where the next one's positions begin
}

// overlap is more than all buyers who may still reserve in a ring when the next one is there.
const overlap = 1 << 20

func newRings(r *Ring, most int) *rings {
	s := &rings{maxSlots: most}
	s.all.Store(&[]*Ring{})
	if r != nil {
		s.maxSlots = len(r.lanes[0].slot)
		s.install(r)
	}
	return s
}

func (s *rings) reserve() (reservedSlot, bool) {
	r := s.now.Load()
	if r == nil {
		return reservedSlot{}, false
	}
	p, ok := r.reserve()
	if !ok {
		return s.reserveAfter(r)
	}
	return p, true
}

// reserveAfter is for who had a ring in hand that is sealed by now.
func (s *rings) reserveAfter(was *Ring) (p reservedSlot, ok bool) {
	for r := s.now.Load(); r != nil && r != was && !ok; r = s.now.Load() {
		p, ok = r.reserve()
		was = r
	}
	return p, ok
}

func (s *rings) reserveTwo() (first, second reservedSlot, ok bool) {
	for r, was := s.now.Load(), (*Ring)(nil); r != nil && r != was && !ok; r = s.now.Load() {
		first, second, ok = r.reserveTwo()
		was = r
	}
	return first, second, ok
}

// install has buyers use r from now on.
func (s *rings) install(r *Ring) {
	old := s.list()
	s.now.Store(r)
	for _, o := range old {
		o.seal()
	}
	next := append(append([]*Ring{}, old...), r)
	s.all.Store(&next)
}

// withdraw lets nobody reserve anything.
func (s *rings) withdraw() {
	s.now.Store(nil)
	for _, r := range s.list() {
		r.seal()
	}
}

// position is where the next ring begins, beyond all nonces there were.
func (s *rings) position() uint64 {
	for _, r := range s.list() {
		for i := range r.lanes {
			s.from = max(s.from, r.lanes[i].end()+overlap)
		}
	}
	return s.from
}

func (s *rings) list() []*Ring { return *s.all.Load() }

// slots is how many a buyer's lane has, 0: none.
func (s *rings) slots() int {
	if r := s.now.Load(); r != nil {
		return len(r.lanes[0].slot)
	}
	return 0
}

// prune forgets rings before the newest that are read, answered for, and sealed.
func (s *rings) prune() {
	now := s.now.Load()
	var live []*Ring
	for _, r := range s.list() {
		if r == now || r.taken() > 0 || r.unread() > 0 {
			live = append(live, r)
		}
	}
	if len(live) < len(s.list()) {
		s.position()
		s.all.Store(&live)
	}
}

// collect is Ring's, over all; more: that is why it ended.
func (s *rings) collect(units int, f func(record)) (more bool) {
	for _, r := range s.list() {
		if units = r.collect(units, f); units <= 0 {
			return true
		}
	}
	return false
}

func (s *rings) free() {
	for _, r := range s.list() {
		r.free()
	}
}

func (s *rings) unread() (n uint64) {
	for _, r := range s.list() {
		n += r.unread()
	}
	return n
}

func (s *rings) taken() (n uint64) {
	for _, r := range s.list() {
		n += r.taken()
	}
	return n
}

func (s *rings) failed() bool {
	for _, r := range s.list() {
		if r.failed.Load() {
			return true
		}
	}
	return false
}

func (s *rings) left() (f left) {
	for _, r := range s.list() {
		r.left(&f)
	}
	return f
}

// Left is what ReadRing would find, were these Rings a file and its process dead: claims and offers that were published,
// and that the ledger has not answered for.
func (s *rings) Left() []luascripts.Claim {
	f := s.left()
	return f.all()
}

func (r *Ring) left(f *left) {
	defer r.survive()()
	for i := range r.lanes {
		f.lane(r.lanes[i].slot, len(r.lanes[i].slot), r.lanes[i].head.Load())
	}
}
