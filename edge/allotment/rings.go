package allotment

import (
	"runtime/debug"
	"slices"
	"sync/atomic"
)

// rings are an allotment's Rings: the one that buyers write, and for a while smaller, sealed ones that are not read to their end.
// While nothing is held here there is none, so a sale that sells nothing costs no slots.
type rings struct {
	now      atomic.Pointer[Ring]
	all      atomic.Pointer[[]*Ring] // written by the Keeper, oldest first
	maxSlots int                     // slots of a lane of the largest Ring
	from     uint64                  // the Keeper's: the first position of the next Ring
}

// overlap is more than the buyers that may still reserve in a ring after the next one exists.
const overlap = 1 << 20

func newRings(most int) *rings {
	s := &rings{maxSlots: most}
	s.all.Store(&[]*Ring{})
	return s
}

// reserve is Ring.reserve. A buyer whose Ring was sealed meanwhile tries the next one.
func (s *rings) reserve(n uint64) (p reservedSlot, ok bool) {
	var was *Ring
	for r := s.now.Load(); r != nil && r != was; was, r = r, s.now.Load() {
		if p, ok = r.reserve(n); ok {
			break
		}
	}
	return p, ok
}

// install makes buyers use r from now on.
func (s *rings) install(r *Ring) {
	old := s.list()
	s.now.Store(r)
	for _, o := range old {
		o.seal()
	}
	next := append(slices.Clone(old), r)
	s.all.Store(&next)
}

// withdraw ends reserving in all Rings.
func (s *rings) withdraw() {
	s.now.Store(nil)
	for _, r := range s.list() {
		r.seal()
	}
}

// position is the first position of the next ring, beyond all nonces so far.
func (s *rings) position() uint64 {
	for _, r := range s.list() {
		for i := range r.lanes {
			s.from = max(s.from, r.lanes[i].end()+overlap)
		}
	}
	return s.from
}

func (s *rings) list() []*Ring { return *s.all.Load() }

// slots is the number of slots in a lane of the present Ring; 0: there is none.
func (s *rings) slots() int {
	if r := s.now.Load(); r != nil {
		return len(r.lanes[0].slot)
	}
	return 0
}

// prune forgets older rings that are read, answered for, and sealed.
func (s *rings) prune() {
	now := s.now.Load()
	live := slices.DeleteFunc(slices.Clone(s.list()), func(r *Ring) bool {
		return r != now && r.taken() == 0
	})
	if len(live) < len(s.list()) {
		s.position()
		s.all.Store(&live)
	}
}

// collect is Ring.collect over all Rings. more says that units ended it.
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

func (s *rings) unread() uint64 { return s.count((*Ring).unread) }

func (s *rings) taken() uint64 { return s.count((*Ring).taken) }

func (s *rings) count(slots func(*Ring) uint64) (n uint64) {
	for _, r := range s.list() {
		n += slots(r)
	}
	return n
}

func (s *rings) failed() bool {
	return slices.ContainsFunc(s.list(), func(r *Ring) bool { return r.failed.Load() })
}

// left is what ReadRing would find if these Rings were a file and its process were dead: claims and offers that were published,
// and that the ledger has not answered for.
func (s *rings) left() (f left) {
	for _, r := range s.list() {
		r.left(&f)
	}
	return f
}

func (r *Ring) left(f *left) {
	defer r.survive(debug.SetPanicOnFault(true))
	for i := range r.lanes {
		f.lane(r.lanes[i].slot, len(r.lanes[i].slot), r.lanes[i].head.Load())
	}
}
