package luascripts

import (
	"fmt"
	"strings"
	"time"
)

// Bounds are the protocol's numbers. One copy serves the scripts, their twin and the edges; every process that shares
// a Redis must use the same.
type Bounds struct {
	Step   time.Duration // J: ledger time never gains more than this between two scripts
	Margin time.Duration // m: an edge stops this long before its lease ends; the ledger waits as long after
	Cover  time.Duration // C: stands for the hold of a sale that has none, for claims nobody has settled
	Active time.Duration // an instance that asked for a lease this recently counts for the fair part
	Wish   time.Duration // how long a hungry edge's recall wish stands
	Forget time.Duration // an instance without leases is forgotten after this
	Sweep  int           // items one sweep may touch
	Ranges int           // ranges one lease may be granted
	Keep   time.Duration // what was answered to a key or a cancel is kept for the hold and this
	Most   int           // and beyond the sale's total so many of them, at the most
	Group  int           // serials that are looked at together when their hold is over
	Lease  time.Duration // what leases last, where the ledger has seen none yet
	Proof  time.Duration // how long after a restart or a fail-over whoever has acted on what is lost may take to say so
	Mutant Mutant        // a guard left out, to see that its absence is noticed; only with the build tag mutants
	Frees  int           // ranges of leases that one script may set free
	Held   int           // leases an instance may have
	Index  int           // free ranges that one script takes into the index by length, where a version without it has written
	Enter  int           // buyers that may enter a draw: of Redis about 100 bytes each, until the sale is removed

	Refused int // keys of one buyer that are remembered to have met the limit
}

// MaxSerial is the largest serial, and so the largest total of a sale.
const MaxSerial = 1<<32 - 2

// lostEvents is how many events a lost history is taken to have had, at the most: their numbers are not used again.
const lostEvents = 100_000

// lostFences is how far a lost history's fences are taken to have come, in microseconds, for they follow the clock: a week.
const lostFences = 7 * 24 * 3600 * 1_000_000

// eraFences is how far apart fences are that follow two cuts whose eras differ by one.
const eraFences = 104_729

// PastEras is how many eras a ledger remembers: an edge that has rested through more of them seems to prove that history was lost.
const PastEras = 256

// MaxExpire is the most that one Expire looks at: about 3 ms of Redis.
const MaxExpire = 512

// spoken is how many instances are looked at in one call, to see who has not said what it holds in a new era.
const spoken = 128

// few is how many instances that are silent are looked at in one lease call.
const few = 8

// maxLease is the most units that one lease has: sold in any order it is in half as many ranges, and a script may read all of them.
const maxLease = 1 << 14

// MaxUnits is the most one buy may ask for.
const MaxUnits = 100

// DefaultBounds are those of ARCHITECTURE.md.
func DefaultBounds() Bounds {
	return Bounds{
		Step: 500 * time.Millisecond, Margin: time.Second, Cover: time.Minute, Active: 3 * time.Second,
		Wish: 2 * time.Second, Forget: 10 * time.Minute, Sweep: 64, Ranges: 64, Frees: 128, Held: 64, Index: 500, Keep: 24 * time.Hour,
		Most: 1_000_000, Refused: 16, Group: 128, Lease: 5 * time.Second, Proof: 5 * time.Second, Enter: 20_000_000,
	}
}

// lua is the bounds as the scripts' first lines, times in microseconds.
func (b Bounds) lua() string {
	var s strings.Builder
	for _, v := range []struct {
		name string
		n    int64
	}{
		{"STEP", b.Step.Microseconds()}, {"MARGIN", b.Margin.Microseconds()}, {"COVER", b.Cover.Microseconds()},
		{"ACTIVE", b.Active.Microseconds()}, {"WISH", b.Wish.Microseconds()}, {"FORGET", b.Forget.Microseconds()},
		{"KEEP", b.Keep.Microseconds()}, {"LEASE", b.Lease.Microseconds()}, {"PROOF", b.Proof.Microseconds()},
		{"LOST_EVENTS", lostEvents}, {"LOST_FENCES", lostFences}, {"ERA_FENCES", eraFences}, {"PAST", PastEras},
		{"ANSWERS_MOST", int64(b.Most)},
		{"REFUSED", int64(b.Refused)}, {"GROUP", int64(b.Group)}, {"SWEEP", int64(b.Sweep)}, {"RANGES", int64(b.Ranges)},
		{"INDEX", int64(b.Index)}, {"FREES", int64(b.Frees)}, {"HELD", int64(b.Held)}, {"FEW", few}, {"ENTER", int64(b.Enter)},
		{"MOST", MaxSerial},
		{"UNITS", MaxUnits},
		{"LARGEST", maxLease}, {"SPOKEN", spoken},
	} {
		fmt.Fprintf(&s, "local %s = %d\n", v.name, v.n)
	}
	return s.String()
}
