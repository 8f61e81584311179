package allotment

import (
	"math/bits"
	"runtime"
	"sync"
	"testing"

	"spike/luascripts/ledger"
)

// newRing is a Ring in memory. It has a lane for each CPU, and each lane has room for `size` claims (rounded up to a power of
// two).
func newRing(size int) *Ring {
	lanes, size := ringShape(size)
	return ringOver(make([]slot, lanes*size), lanes)
}

func ringShape(size int) (lanes, slots int) { return cpuLanes(), 1 << bits.Len(uint(size-1)) }

// oneLane is a Ring with one lane, whichever CPU asks.
func oneLane(size int) *Ring {
	r := newRing(size)
	r.lanes, r.next = r.lanes[:1], r.next[:1]
	return r
}

// ringsOf has this Ring, which does not grow.
func ringsOf(r *Ring) *rings {
	s := newRings(len(r.lanes[0].slot))
	s.install(r)
	return s
}

// mustReserve reserves a slot that must exist.
func mustReserve(t *testing.T, r *Ring) reservedSlot {
	t.Helper()
	p, ok := r.reserve(1)
	if !ok {
		t.Fatal("the ring is full")
	}
	return p
}

func collected(r *Ring, n int) (serials []uint32) {
	r.collect(n, func(rec record) { serials = append(serials, rec.Serial) })
	return serials
}

func sameSerials(t *testing.T, got []uint32, want ...uint32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

func TestRingKeepsSlotsUntilFreed(t *testing.T) {
	r := oneLane(4)
	for round := range uint32(10) { // wraps around
		for i := range uint32(4) {
			mustReserve(t, r).publish(claim, ledger.Claim{Serial: 10*round + i})
		}
		if _, ok := r.reserve(1); ok {
			t.Fatal("a fifth slot of four")
		}
		sameSerials(t, collected(r, 100), 10*round, 10*round+1, 10*round+2, 10*round+3)
		if _, ok := r.reserve(1); ok || r.taken() != 4 || r.unread() != 0 {
			t.Fatal("a slot was given away before it was freed")
		}
		r.free()
		if r.taken() != 0 {
			t.Fatal(r.taken(), "slots taken after free")
		}
	}
}

func TestRingFreesOnlyWhatWasRead(t *testing.T) {
	r := oneLane(4)
	for i := range uint32(4) {
		mustReserve(t, r).publish(claim, ledger.Claim{Serial: i})
	}
	sameSerials(t, collected(r, 3), 0, 1, 2)
	r.free()
	if r.taken() != 1 || r.unread() != 1 {
		t.Fatalf("%d taken, %d unread", r.taken(), r.unread())
	}
	sameSerials(t, collected(r, 3), 3)
	sameSerials(t, collected(r, 3))
}

func TestRingStopsAtAnUnpublishedSlot(t *testing.T) {
	r := oneLane(8)
	first, slow, last := mustReserve(t, r), mustReserve(t, r), mustReserve(t, r)
	last.publish(claim, ledger.Claim{Serial: 3})
	first.publish(claim, ledger.Claim{Serial: 1})
	sameSerials(t, collected(r, 8), 1)
	r.free()
	if r.unread() != 2 || r.taken() != 2 {
		t.Fatalf("%d unread, %d taken", r.unread(), r.taken())
	}
	slow.publish(claim, ledger.Claim{Serial: 2})
	sameSerials(t, collected(r, 8), 2, 3)
}

func TestRingLanesDoNotWaitForEachOther(t *testing.T) {
	r := &Ring{lanes: make([]ringLane, 2), next: make([]uint64, 2)}
	at := func(lane, pos uint64) reservedSlot { return reservedSlot{r, lane, pos} }
	for i := range r.lanes {
		r.lanes[i].slot = make([]slot, 4)
		r.lanes[i].tail.Store(2)
	}
	at(0, 1).publish(claim, ledger.Claim{Serial: 99}) // behind a slot that is not published yet
	at(1, 0).publish(claim, ledger.Claim{Serial: 1})
	at(1, 1).publish(claim, ledger.Claim{Serial: 2})
	sameSerials(t, collected(r, 8), 1, 2)
	if r.unread() != 2 {
		t.Fatal(r.unread(), "unread")
	}
}

func TestRingNoncesDiffer(t *testing.T) {
	seen := map[uint64]bool{}
	for lane := range uint64(256) {
		for _, pos := range []uint64{0, 1, 1 << 20, 1<<45 - 1} {
			n := reservedSlot{lane: lane, pos: pos}.nonce()
			if seen[n] || n >= 1<<53 {
				t.Fatalf("nonce %d of lane %d, position %d", n, lane, pos)
			}
			seen[n] = true
		}
	}
}

// A crowd fills the ring while one reader empties it. Every record arrives once, and each lane's records in order.
func TestRingCrowd(t *testing.T) {
	const producers, each = 8, 5_000
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	r := newRing(64)
	var crowd sync.WaitGroup
	for p := range uint32(producers) {
		crowd.Go(func() {
			for i := range uint32(each) {
				slot, ok := r.reserve(1)
				for ; !ok; slot, ok = r.reserve(1) {
					runtime.Gosched()
				}
				slot.publish(claim, ledger.Claim{Serial: p*each + i, Nonce: slot.nonce()})
			}
		})
	}
	seen := make([]bool, producers*each)
	last := map[uint64]uint64{}
	for n := 0; n < len(seen); {
		r.collect(50, func(rec record) {
			lane, pos := rec.Nonce>>45, rec.Nonce&(1<<45-1)
			if seen[rec.Serial] || pos != last[lane] {
				t.Errorf("record %d at %d of lane %d, after %d", rec.Serial, pos, lane, last[lane])
			}
			seen[rec.Serial] = true
			last[lane] = pos + 1
			n++
		})
		r.free()
		runtime.Gosched()
	}
	crowd.Wait()
	if r.unread() != 0 || r.taken() != 0 {
		t.Fatalf("%d unread, %d taken", r.unread(), r.taken())
	}
}
