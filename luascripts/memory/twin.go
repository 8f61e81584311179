package memory

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"

	"spike/luascripts/ledger"
	"spike/shard"
)

// Twin is the ledger of one sale in memory. It is the scripts said again in Go: the same inputs at the same times give the
// same replies. It has no clock, no I/O and no lock. Every method takes the store's clock, in Unix microseconds.
type Twin struct {
	bounds     ledger.Bounds
	head       ledger.Head // view fills in what depends on the caller, such as Recall and State
	door       ledger.State
	prior      uint64
	fence      uint64
	recallEnds int64  // ledger time until which the recall stands
	recaller   string // the instance that asked for it
	free       ledger.RangeSet
	leases     map[uint64]*lease
	instances  map[string]*instance
	asked      map[string]int64 // when each instance last asked for a lease
	sold       map[uint32]owner
	holds      holdQueue
	adds       map[string]bool
	buyers     map[ledger.Buyer][]uint32 // serials of each, where the sale has a limit
	answers    map[string]keptAnswer
	winLog     answerLog
	noLog      answerLog
	numbered   uint64 // the number of the newest event
	events     []ledger.Event
	keeping    bool // events are kept for order workers
	due        bool // a sweep of the running script has left something
	freeing    int  // ranges of leases that the running script may still set free
	tended     tended
	node       Node // the server that the next call runs on
	run        uint64
	floor      uint64
	began      int64 // when the era began
	early      int64 // when the recovery may end if nothing was lost
	shut       int64 // ledger time until which the recovery grants nothing
	past       []pastEra
	vote       vote
	seen       map[string]bool // names of replicas; false: it was seen in the era before, and not yet in this one
	lossy      bool
	backup     bool  // the server has the ledger from a file, which may be a backup
	term       int64 // the longest term of a lease so far
	synced     bool
	seed       string                 // of the draw, if there is one
	over       int64                  // ledger time when the window is over; 0: it has not begun; -1: the clock alone decides
	entrants   map[ledger.Buyer]int64 // the lot of each
	drawn      []ledger.Buyer         // in the order of their lots
	collected  map[ledger.Buyer]ledger.Claim
}

type lease struct {
	fence    uint64
	inst     string
	req      uint64
	deadline int64
	hold     int64
	limbo    bool
	due      int64 // when the sweep looks at the lease; too early if a new era has moved the deadline
	rem      ledger.RangeSet
}

type instance struct {
	node   string
	last   int64 // when it last asked for a lease
	seq    uint64
	era    uint64 // the last era in which it re-asserted
	fences []uint64
}

type owner struct {
	fence, nonce uint64
	expiry       int64
	first        int64 // the first expiry, if it was prolonged
	confirmed    bool
	event        uint64
	buyer        ledger.Buyer
}

// NewTwin is create.lua.
func NewTwin(raw int64, q ledger.CreateRequest, b ledger.Bounds) *Twin {
	return NewTwinOn(Node{}, raw, q, b)
}

// NewTwinOn is create.lua on a server.
func NewTwinOn(n Node, raw int64, q ledger.CreateRequest, b ledger.Bounds) *Twin {
	n = n.capped()
	t := &Twin{bounds: b, node: n, run: n.Run, synced: n.Fsynced, term: b.Lease.Microseconds(), leases: map[uint64]*lease{},
		instances: map[string]*instance{}, asked: map[string]int64{}, sold: map[uint32]owner{}, seen: map[string]bool{},
		adds: map[string]bool{}, buyers: map[ledger.Buyer][]uint32{}, answers: map[string]keptAnswer{}, recaller: "-"}
	t.head = ledger.Head{Raw: raw, Now: raw, Birth: uint64(raw), Total: q.Total, Free: q.Total,
		Hold: q.Hold.Microseconds(), Opens: ledger.Micro(q.Opens), Closes: ledger.Micro(q.Closes),
		Limit: uint64(q.Limit), Era: n.Era, Replicas: n.Replicas}
	if q.Total > 0 {
		t.free.Add(shard.Range{Start: 1, End: uint32(q.Total) + 1})
	}
	t.meet()
	t.beginLots(q)
	t.commit()
	return t
}

// open lets ledger time pass, and refuses a caller that believes in another sale.
func (t *Twin) open(raw int64, birth uint64) error {
	if err := t.believes(birth); err != nil {
		return err
	}
	t.due, t.freeing = false, t.bounds.Frees
	t.obey()
	fresh := t.enter(raw)
	t.synced = t.node.Fsynced
	if fresh {
		t.commit()
	}
	t.passLots()
	return nil
}

// look is open for a call that writes nothing. The caller must peek first, and undo afterwards.
func (t *Twin) look(raw int64, birth uint64) error {
	if err := t.believes(birth); err != nil {
		return err
	}
	t.obey()
	t.enter(raw)
	t.due = false
	return nil
}

// peek returns a function that undoes a look.
func (t *Twin) peek() (undo func()) {
	h, run, fence, floor, began, early := t.head, t.run, t.fence, t.floor, t.began, t.early
	shut, past, lossy, backup, numbered, due, over, vote := t.shut, t.past, t.lossy, t.backup, t.numbered, t.due, t.over, t.vote
	seen := maps.Clone(t.seen)
	return func() {
		t.seen = seen
		t.head, t.run, t.fence, t.floor, t.began, t.early = h, run, fence, floor, began, early
		t.shut, t.past, t.lossy, t.backup, t.numbered, t.due, t.over, t.vote = shut, past, lossy, backup, numbered, due, over, vote
	}
}

func (t *Twin) believes(birth uint64) error {
	if birth != 0 && birth != t.head.Birth {
		return &ledger.Refusal{Code: "BIRTH", Why: "it is another sale now"}
	}
	return nil
}

func (t *Twin) commit() { t.head.Rev++ }

// bare says that no unit is free or leased, so nobody can sell one now.
func (t *Twin) bare() bool { return t.head.Free == 0 && t.head.Leased == 0 }

func (t *Twin) state() ledger.State {
	h := t.head
	switch {
	case t.door != ledger.Open:
		return t.door
	case h.Closes > 0 && h.Raw >= h.Closes:
		return ledger.Closed
	case h.Raw < h.Opens:
		return ledger.Unopened
	case h.Lots.Window > 0 && h.Lots.Drawn == 0:
		return ledger.Drawing
	}
	return ledger.Open
}

func (t *Twin) view(inst string) ledger.Head {
	h := t.head
	h.Recall = t.recallEnds > h.Now && t.recaller != inst
	h.State = t.state()
	h.Due = t.due
	h.Strangers = t.node.Strangers
	if t.recovering() {
		h.Reopens = t.shut
	}
	return h
}

func (t *Twin) newFence() uint64 {
	t.fence++
	if !t.bounds.Lacks(FenceCounts) {
		t.fence = max(t.fence, uint64(t.head.Raw))
	}
	return t.fence
}

func (t *Twin) instance(id string) *instance {
	if t.instances[id] == nil {
		t.instances[id] = &instance{node: "-"}
		if _, known := t.asked[id]; !known {
			t.asked[id] = 0
		}
	}
	return t.instances[id]
}

// counter is the counter of a lease's units.
func (t *Twin) counter(l *lease) *uint64 {
	if l.limbo {
		return &t.head.Limbo
	}
	return &t.head.Leased
}

// writeLease stores a changed lease. A lease that has no unit left ends.
func (t *Twin) writeLease(l *lease) {
	if l.rem.Len() > 0 {
		l.due = t.dueAt(l)
		return
	}
	delete(t.leases, l.fence)
	i := t.instance(l.inst)
	i.fences = slices.DeleteFunc(i.fences, func(f uint64) bool { return f == l.fence })
}

// ends is a lease's deadline. In a new era the lease counts as renewed when the era began, because a renewal may be lost.
func (t *Twin) ends(l *lease) int64 { return max(l.deadline, t.began+t.term) }

func (t *Twin) dueAt(l *lease) int64 {
	due := t.ends(l) + t.bounds.Margin.Microseconds()
	if l.limbo && !t.bounds.Lacks(LimboShort) {
		due += l.hold
	}
	return due
}

// freeLease frees what is left of a lease. If that is too much for one script, the rest waits in limbo, and is due at once.
func (t *Twin) freeLease(l *lease) {
	some := l.rem.Shift(t.freeing)
	t.freeing -= len(some)
	n := some.Len()
	for _, r := range some {
		t.free.Add(r)
	}
	*t.counter(l) -= n
	t.head.Free += n
	if n > 0 {
		t.head.Gen++
	}
	if l.rem.Len() > 0 {
		t.due = true
		t.moveLimbo(l, true)
		l.deadline = min(t.ends(l), t.head.Now-t.bounds.Margin.Microseconds()-l.hold)
	}
	t.writeLease(l)
	if l.rem.Len() > 0 && !t.bounds.Lacks(LimboShort) {
		l.due = l.deadline + t.bounds.Margin.Microseconds() + l.hold // the sweep looks now; in a new era it moves the lease on
	}
}

// moveLimbo moves a lease into limbo, or out of it.
func (t *Twin) moveLimbo(l *lease, limbo bool) {
	n := l.rem.Len()
	*t.counter(l) -= n
	l.limbo = limbo
	*t.counter(l) += n
}

// sweep ends what is over, about `most` items, and returns how many units' holds were over.
func (t *Twin) sweep(most int) uint64 {
	t.sweepAnswers(&t.winLog, 8)
	t.sweepAnswers(&t.noLog, 8)
	n := t.sweepLeases(most)
	if n == most {
		t.due = true
		return 0
	}
	return t.sweepHolds(most - n)
}

func (t *Twin) sweepLeases(most int) int {
	var due []*lease
	for _, l := range t.leases {
		if l.due <= t.head.Now {
			due = append(due, l)
		}
	}
	slices.SortFunc(due, func(a, b *lease) int { return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.fence, b.fence)) })
	due = due[:min(len(due), most)]
	for _, l := range due {
		if t.freeing == 0 {
			return most
		}
		switch {
		case t.dueAt(l) > t.head.Now && !t.bounds.Lacks(DueAsWritten): // a new era has moved it
			t.writeLease(l)
		case l.limbo || t.bounds.Lacks(NoLimbo):
			t.freeLease(l)
		default:
			t.moveLimbo(l, true)
			t.writeLease(l)
		}
	}
	return len(due)
}

func (t *Twin) sweepHolds(most int) uint64 {
	var gone []uint32
	for seen := 0; ; {
		group, due := t.holds.due(t.head.Now)
		if !due {
			break
		}
		if seen >= most {
			t.due = true
			break
		}
		seen += len(group) / 4
		gone = append(gone, t.expired(group)...)
	}
	gone = t.whole(gone)
	slices.Sort(gone)
	gone = slices.Compact(gone) // a serial that was sold again may be in several groups
	t.unown(ledger.Expired, gone)
	return uint64(len(gone))
}

// whole adds the rest of each reservation in gone: a reservation is over as a whole.
func (t *Twin) whole(gone []uint32) []uint32 {
	all := slices.Clone(gone)
	for _, s := range gone {
		for other := s - 1; t.sold[other] == t.sold[s]; other-- {
			all = append(all, other)
		}
		for other := s + 1; t.sold[other] == t.sold[s]; other++ {
			all = append(all, other)
		}
	}
	return all
}

// expired returns the serials of one group whose holds are over. A serial whose end has moved on goes back into the queue.
func (t *Twin) expired(group string) (gone []uint32) {
	t.holds.remove(group)
	for ; group != ""; group = group[4:] {
		serial := binary.BigEndian.Uint32([]byte(group[:4]))
		o, owned := t.sold[serial]
		switch {
		case !owned || o.confirmed && !t.bounds.Lacks(ExpireConfirmed):
		case o.expiry <= t.head.Now:
			gone = append(gone, serial)
		default:
			t.holds.add(group[:4], o.expiry)
		}
	}
	return gone
}
