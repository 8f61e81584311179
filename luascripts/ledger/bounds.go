package ledger

import "time"

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

// LostEvents is how many events a lost history is taken to have had, at the most: their numbers are not used again.
const LostEvents = 100_000

// LostFences is how far a lost history's fences are taken to have come, in microseconds, for they follow the clock: a week.
const LostFences = 7 * 24 * 3600 * 1_000_000

// EraFences is how far apart fences are that follow two cuts whose eras differ by one.
const EraFences = 104_729

// PastEras is how many eras a ledger remembers: an edge that has rested through more of them seems to prove that history was lost.
const PastEras = 256

// MaxExpire is the most that one Expire looks at: about 3 ms of Redis.
const MaxExpire = 512

// Few is how many instances that are silent are looked at in one lease call.
const Few = 8

// MaxLease is the most units that one lease has: sold in any order it is in half as many ranges, and a script may read all of them.
const MaxLease = 1 << 14

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
