package allotment

import (
	"encoding/binary"
	"math/bits"
	"runtime"
	"runtime/debug"
	"sync/atomic"

	"spike/luascripts/ledger"
	"spike/shard"
)

// kind is what a buy left in its slot.
type kind uint32

const (
	void   kind = iota // no unit: the Stock was empty
	claim              // a sold unit, which the ledger must hear of
	unsold             // a unit taken too late in the lease, which goes back to the ledger
	doubt              // a unit whose lease cannot be known
	key                // the idempotency key of the offer in the next slot of the lane
	offer              // a unit sold under a key: it is that key's, or nobody's
)

// record is the content of a slot. Claims go to the ledger unchanged.
type record struct {
	kind kind
	ledger.Claim
}

// Ring keeps claims from their making until the ledger has them. Each CPU has a lane. Many buyers write a lane, and the Keeper
// alone reads it. A buyer reserves a slot, fills it, then publishes it. The Keeper reads a lane up to its first unpublished slot,
// and frees slots only after the ledger's answer.
type Ring struct {
	lanes []ringLane
	next  []uint64        // the Keeper's: its next position in each lane
	first int             // the Keeper's: the lane it begins with, so that no lane waits behind the others for ever
	heads []atomic.Uint64 // in a file: the lanes' heads, for the next reader
	mem   mapping         // in a file: its bytes

	failed atomic.Bool // the file has lost a part
}

type ringLane struct {
	tail atomic.Uint64 // the next position to reserve; written by buyers
	_    [56]byte
	head atomic.Uint64 // positions below are free again; written by the Keeper
	_    [56]byte
	slot []slot
}

// slot is a cache line. turn is position+1 once the record of that position is published.
type slot struct {
	turn atomic.Uint64
	sum  uint64 // checksum of turn and record, because a machine that dies may keep half a slot
	record
}

// checksum is FNV-1a over words. It finds torn slots, and does not stop forgers.
func (r *record) checksum(turn uint64) uint64 {
	sum := uint64(14695981039346656037)
	for _, word := range [...]uint64{turn, uint64(r.kind)<<32 | uint64(r.Serial), uint64(r.Count), r.Fence, r.Nonce,
		uint64(r.Expiry), binary.BigEndian.Uint64(r.Buyer[:])} {
		sum = (sum ^ word) * 1099511628211
	}
	return sum
}

// maxLanes keeps nonces below 2^53.
const maxLanes = 256

// cpuLanes is a lane for each CPU.
func cpuLanes() int { return min(1<<bits.Len(uint(runtime.GOMAXPROCS(0)-1)), maxLanes) }

// ringOver divides slots among lanes.
func ringOver(slots []slot, lanes int) *Ring {
	r := &Ring{lanes: make([]ringLane, lanes), next: make([]uint64, lanes)}
	each := len(slots) / lanes
	for i := range r.lanes {
		r.lanes[i].slot = slots[i*each : (i+1)*each]
	}
	return r
}

// from makes all lanes begin at a position, so that no nonce of the instance's earlier rings comes again.
func (r *Ring) from(pos uint64) *Ring {
	for i := range r.lanes {
		r.lanes[i].tail.Store(pos)
		r.lanes[i].head.Store(pos)
		r.next[i] = pos
	}
	return r
}

// sealed is set in the tail of a sealed lane. The lane then looks full for ever.
const sealed = 1 << 63

// seal ends reserving. A buyer with a reserved slot still publishes it.
func (r *Ring) seal() {
	for i := range r.lanes {
		r.lanes[i].tail.Or(sealed)
	}
}

// end is the position up to which slots were reserved.
func (l *ringLane) end() uint64 { return l.tail.Load() &^ sealed }

// at is the slot of a position.
func (l *ringLane) at(pos uint64) *slot { return &l.slot[pos&uint64(len(l.slot)-1)] }

// reservedSlot is a reserved slot. Its owner must publish it, whatever happens.
type reservedSlot struct {
	ring *Ring
	lane uint64
	pos  uint64
}

// reserve reserves n slots in a row in this CPU's lane, and returns the first. It is false if the ledger is behind by a whole
// lane.
func (r *Ring) reserve(n uint64) (reservedSlot, bool) {
	id := uint64(shard.CPU() & (len(r.lanes) - 1))
	l := &r.lanes[id]
	for {
		pos := l.tail.Load()
		if pos-l.head.Load()+n > uint64(len(l.slot)) {
			return reservedSlot{}, false
		}
		if l.tail.CompareAndSwap(pos, pos+n) {
			return reservedSlot{r, id, pos}, true
		}
	}
}

// next is the slot after this one, if both were reserved.
func (p reservedSlot) next() reservedSlot { return reservedSlot{p.ring, p.lane, p.pos + 1} }

// nonce tells this claim from all other claims of the instance. It is lane and position, below 2^53.
func (p reservedSlot) nonce() uint64 { return p.lane<<45 | p.pos&(1<<45-1) }

// publish hands the record to the Keeper. It is false if the ring has failed, and then the buyer must not be told.
func (p reservedSlot) publish(k kind, c ledger.Claim) bool {
	if p.ring.mem.mapped() {
		return p.publishMapped(k, c)
	}
	p.write(k, c)
	return true
}

func (p reservedSlot) write(k kind, c ledger.Claim) {
	s := p.ring.lanes[p.lane].at(p.pos)
	s.record = record{k, c}
	s.sum = s.checksum(p.pos + 1)
	s.turn.Store(p.pos + 1)
}

// collect reads published records that the Keeper has not read yet, until they have n units or more. It returns how many of n are
// left. A key and its offer are read together.
func (r *Ring) collect(n int, f func(record)) int {
	r.first++
	for k := range r.lanes {
		n = r.collectLane((r.first+k)&(len(r.lanes)-1), n, f)
	}
	return n
}

func (r *Ring) collectLane(i, n int, f func(record)) int {
	defer r.survive(debug.SetPanicOnFault(true))
	l := &r.lanes[i]
	for n > 0 {
		s := l.at(r.next[i])
		if s.turn.Load() != r.next[i]+1 {
			break
		}
		if s.kind == key {
			of := l.at(r.next[i] + 1)
			if of.turn.Load() != r.next[i]+2 {
				break
			}
			f(s.record)
			s = of
			r.next[i]++
		}
		n -= int(max(s.Count, 1))
		f(s.record)
		r.next[i]++
	}
	return n
}

// free frees all slots that were read.
func (r *Ring) free() {
	defer r.survive(debug.SetPanicOnFault(true))
	for i := range r.lanes {
		r.lanes[i].head.Store(r.next[i])
	}
	for i := range r.heads {
		r.heads[i].Store(r.next[i])
	}
}

// unread counts the reserved slots that the Keeper has not read.
func (r *Ring) unread() (n uint64) {
	for i := range r.lanes {
		n += r.lanes[i].end() - r.next[i]
	}
	return n
}

// taken counts the slots in use. They are those that are not read, and those that are not free again.
func (r *Ring) taken() (n uint64) {
	for i := range r.lanes {
		head := r.lanes[i].head.Load() // read first, because it never passes the tail
		n += r.lanes[i].end() - head
	}
	return n
}
