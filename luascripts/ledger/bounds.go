package ledger

import "time"

// Bounds are the protocol's numbers. The scripts, their twin and the edges read one copy. Every process that shares a Redis
// must use the same numbers.
type Bounds struct {
	Step   time.Duration // J: the most ledger time that may pass between two scripts
	Margin time.Duration // m: an edge stops selling this long before its lease ends, and the ledger waits as long after the end
	Cover  time.Duration // C: for claims that are not settled, it stands for the hold of a sale that has none
	Active time.Duration // an instance that asked for a lease this recently counts for the fair part
	Recall time.Duration // how long one recall stands
	Forget time.Duration // an instance that has no lease and is silent for this long is forgotten
	Sweep  int           // items that one sweep may touch
	Ranges int           // ranges that one lease may be granted
	Keep   time.Duration // the answer to a key or a cancel is kept for the hold and this
	Most   int           // the most kept answers beyond the sale's total
	Group  int           // serials whose holds end at about the same time, and are read together
	Lease  time.Duration // the term of leases where the ledger has seen none yet
	Proof  time.Duration // how long, after a restart or a fail-over, an instance may take to prove that history was lost
	Mutant Mutant        // a guard left out, to see that its absence is noticed; only with the build tag mutants
	Frees  int           // ranges of leases that one script may set free
	Held   int           // leases that one instance may have
	Index  int           // free ranges that one script adds to an index by length that is being rebuilt
	Enter  int           // buyers that may enter a draw: each takes about 100 bytes of Redis until the sale is removed

	Holders int // instances, their leases and the ranges of these, together, that one look at a sale's holders reads
	Refused int // keys of one buyer whose OverLimit answer is kept
}

// MaxSerial is the largest serial, and so the largest total of a sale.
const MaxSerial = 1<<32 - 2

// LostEvents is the most events that a lost history is taken to have had. Their numbers are not used again.
const LostEvents = 100_000

// LostFences is how far the fences of a lost history are taken to have run ahead: a week in microseconds, because fences
// follow the clock.
const LostFences = 7 * 24 * 3600 * 1_000_000

// EraFences is the distance between the fences that follow two cuts whose eras differ by one.
const EraFences = 104_729

// PastEras is how many eras a ledger remembers. An edge that has rested through more eras seems to prove that history was
// lost.
const PastEras = 256

// MaxExpire is the most items that one Expire reads: about 3 ms of Redis.
const MaxExpire = 512

// Few is how many silent instances one lease call looks at.
const Few = 8

// MaxLease is the most units in one lease. Sold in the worst order, they are in half as many ranges, and a script may read
// all of these.
const MaxLease = 1 << 14

// MaxUnits is the most units in one buy.
const MaxUnits = 100

// DefaultBounds are the bounds in ARCHITECTURE.md.
func DefaultBounds() Bounds {
	return Bounds{
		Step: 500 * time.Millisecond, Margin: time.Second, Cover: time.Minute, Active: 3 * time.Second,
		Recall: 2 * time.Second, Forget: 10 * time.Minute, Sweep: 64, Ranges: 64, Frees: 128, Held: 64, Index: 500,
		Keep: 24 * time.Hour, Most: 1_000_000, Refused: 16, Group: 128, Lease: 5 * time.Second, Proof: 5 * time.Second,
		Enter: 20_000_000, Holders: 4_000,
	}
}
