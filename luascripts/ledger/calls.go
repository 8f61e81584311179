package ledger

import (
	"time"

	"spike/shard"
)

// What is asked of a store, and its answers.

// Party is who calls: an instance is one run of an edge process, a node is the name its operator gave it.
type Party struct {
	Birth    uint64 // of the sale the caller believes in; 0: any
	Instance string
	Node     string
}

// LeaseRequest asks for up to Want units (row 1).
type LeaseRequest struct {
	Party
	Request uint64 // grows with every new request of the instance
	Want    uint64
	Term    time.Duration
	Hungry  bool   // nothing left to sell here: others should give back
	Run     uint32 // units in a row that a buyer here waits for: the lease has such ranges, where there are any; 0 or 1: any will do
}

// Grant is a lease as it was given.
type Grant struct {
	Fence    uint64
	Deadline int64 // ledger time
	Hold     int64 // the sale's hold, or Bounds.Cover where it has none
	Ranges   Ranges
}

// LeaseReply has a Grant with fence 0 when nothing was granted.
type LeaseReply struct {
	Head
	Grant Grant
}

// RenewRequest keeps the leases named and lets the instance's others go (row 2).
type RenewRequest struct {
	Party
	Awaited uint64 // leases of this request or a later one are kept, though not named
	Term    time.Duration
	Fences  []uint64
	Era     uint64 // in which the caller had re-asserted when it asked; 0: it does not say. An older call renews nothing in a recovery
}

// RenewReply has the new deadline of each fence in order; 0: that lease is gone for good, or, where the era is one in which
// the instance has not re-asserted, it must first.
type RenewReply struct {
	Head
	Deadlines []int64
}

// Part is some serials of one lease.
type Part struct {
	Fence uint64
	shard.Range
}

// GiveBackRequest names serials that the owner will never sell (row 9).
type GiveBackRequest struct {
	Party
	Parts []Part
}

// Held is what an instance still answers for of a lease: neither settled nor given back.
type Held struct {
	Fence    uint64
	Request  uint64 // it was granted to
	Deadline int64
	Ranges   Ranges
}

// ReassertRequest tells the ledger, once in an era, all that an instance holds (E4).
type ReassertRequest struct {
	Party
	Era    uint64 // as the caller knows it
	Term   time.Duration
	Was    uint64 // the era of the newest answer that the caller has acted on, 0: none
	Acted  uint64 // and its rev
	Told   int64  // the latest ledger time it has been told, 0: none
	Leases []Held // their ranges in order
}

// ReassertReply has what the ledger now has of each lease, in order; Deadline 0: nothing. No Grants at all: the era was
// another one, and nothing was done.
type ReassertReply struct {
	Head
	Grants []Grant
}

// GiveBackReply says how many units went free by it.
type GiveBackReply struct {
	Head
	Freed uint64
}

// SettleRequest tells what was sold (row 4).
type SettleRequest struct {
	Party
	Batch  uint64
	Claims []Claim
}

// Verdict is what became of a claim.
type Verdict int

// The verdicts.
const (
	Kept     Verdict = iota // it is the buyer's
	Resolved                // the serial has gone another way
	TooLate                 // its own time was over first
)

// SettleReply has a verdict for each claim.
type SettleReply struct {
	Head
	Verdicts []Verdict
}

// IdempotencyKey is a hash of a buyer and the key it sent; zero: none was sent.
type IdempotencyKey [16]byte

// DeductRequest buys N consecutive units straight from the free stock (row 6), within the sale's limit per buyer.
type DeductRequest struct {
	Party
	N     uint32
	Nonce uint64 // at most 2^53
	Buyer Buyer
	Key   IdempotencyKey // who asks again with it gets the answer of the first time
	Offer Claim          // to be had instead of free units: claimed from a lease, told to nobody. Count 0: none

	ByLot bool // the unit that Buyer has drawn, no other and no Offer; collected before, it is had again while it is pending and no Key is sent
	Ever  bool // with ByLot: had again whatever has become of it since

	Latest int64 // by the store's clock: not to be executed later; 0: at any time
}

// Answer is what a Deduct came to.
type Answer int

// What a Deduct came to.
const (
	Unavailable Answer = iota // there were not N units in a row, or the doors are shut
	Granted                   // the buyer has the units; with a Key, perhaps from an earlier call
	OverLimit                 // the buyer has as many as the sale allows
	KeyUsed                   // the key was used for another number of units
)

// DeductReply has a Claim when Granted, and when OverLimit the buyer's own pending one, if there is one.
type DeductReply struct {
	Head
	Answer Answer
	Claim  Claim
	Until  int64 // when the claim's hold ends by the store's clock, Unix microseconds; 0: never
}

// Life is the state of a reservation.
type Life int

// The states of a reservation.
const (
	IsPending Life = iota
	IsConfirmed
	IsCancelled
	IsExpired // or unknown to the ledger: never to be had any more
)

func (l Life) String() string { return [...]string{"pending", "confirmed", "cancelled", "expired"}[l] }

// ReservationReply is a reservation after a call. Confirm and Cancel have done what they say, now or before, if the
// Life is theirs.
type ReservationReply struct {
	Head
	Life   Life
	Until  int64 // when its hold ends by the store's clock, Unix microseconds; 0: never
	Stored bool  // the order workers have stored what the stream says of it
}

// ExpireReply says how many units went free.
type ExpireReply struct {
	Head
	Freed uint64
}

// ShowReply says in Trouble why nothing is granted, if so, and in Raised how many units a hand has added that no script
// has taken in yet.
type ShowReply struct {
	Head
	Trouble string
	Raised  uint64
	Secret  Secret
	Lineup  string // while replicas are missing: who is here, for Reopen
	Sells   int64  // ledger time until which edges may sell from leases that lost history had; 0: none does
}

// Quiet says that no edge has anything to sell.
func (r ShowReply) Quiet() bool { return r.Leased == 0 && r.Sells == 0 }

// ReopenRequest is what was agreed upon. Where things are otherwise by now nothing is done.
type ReopenRequest struct {
	Era    uint64 // 0: whichever it is
	Lineup string // the replicas: so many as these are waited for from now on; "": as many as before
	Least  uint64 // so many must be here
	Grants bool   // grant units again now
}

// ChangeRequest adds stock and moves the doors.
type ChangeRequest struct {
	Request string // the same request adds once
	Add     uint64
	To      string // "", open, paused, closed
}
