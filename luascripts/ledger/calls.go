package ledger

import (
	"time"

	"spike/shard"
)

// The requests that a store takes, and its answers.

// Party is the caller: its instance, and the name that the operator gave its node.
type Party struct {
	Birth    uint64 // of the sale that the caller believes in; 0: any
	Instance string
	Node     string
}

// LeaseRequest asks for up to Want units (row 1).
type LeaseRequest struct {
	Party
	Request uint64 // grows with every new request of the instance
	Want    uint64
	Term    time.Duration
	Recall  bool   // nothing is left to sell here: others should give back
	Run     uint32 // units in a row that a buyer here waits for: the lease has such ranges if there are any; 0 or 1: any will do
}

// Grant is a lease at the moment of the answer.
type Grant struct {
	Fence    uint64
	Deadline int64 // ledger time
	Hold     int64 // the sale's hold, or Bounds.Cover where it has none
	Ranges   Ranges
}

// LeaseReply has a Grant with fence 0 if nothing was granted.
type LeaseReply struct {
	Head
	Grant Grant
}

// RenewRequest keeps the leases that it names, and frees the instance's other leases (row 2).
type RenewRequest struct {
	Party
	Awaited uint64 // leases granted to this request, or to a later one, are kept though they are not named
	Term    time.Duration
	Fences  []uint64
	// Era is the era in which the caller had re-asserted when it asked; 0: the caller does not say. In a recovery, a call
	// with an older era renews nothing.
	Era uint64
}

// RenewReply has the new deadline of each fence, in order. 0: the lease is gone for good; or, in an era in which the instance
// has not re-asserted, it must re-assert first.
type RenewReply struct {
	Head
	Deadlines []int64
}

// Part is some serials of one lease.
type Part struct {
	Fence uint64
	shard.Range
}

// GiveBackRequest names serials that their owner will never sell (row 9).
type GiveBackRequest struct {
	Party
	Parts []Part
}

// Held is what an instance still has of a lease: units that are neither settled nor given back.
type Held struct {
	Fence    uint64
	Request  uint64 // the request that the lease was granted to
	Deadline int64
	Ranges   Ranges
}

// ReassertRequest says, once in an era, all that an instance holds (E4).
type ReassertRequest struct {
	Party
	Era         uint64 // of the store, as the caller knows it
	Term        time.Duration
	Was         uint64 // the era of the newest answer that the caller has acted on; 0: none
	LastApplied uint64 // the rev of that answer
	Told        int64  // the latest ledger time that the caller has heard; 0: none
	Leases      []Held // the ranges of each are in order
}

// ReassertReply has what the ledger now has of each lease, in order. Deadline 0: it has nothing of that lease. No Grants at
// all: the era was another one, and nothing was done.
type ReassertReply struct {
	Head
	Grants []Grant
}

// GiveBackReply says how many units the call freed.
type GiveBackReply struct {
	Head
	Freed uint64
}

// SettleRequest says what was sold (row 4).
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

// IdempotencyKey is a hash of a buyer and of the key that the buyer sent; zero: the buyer sent none.
type IdempotencyKey [16]byte

// DeductRequest buys N units in a row straight from the free stock (row 6), within the sale's limit per buyer.
type DeductRequest struct {
	Party
	N     uint32
	Nonce uint64 // at most 2^53
	Buyer Buyer
	Key   IdempotencyKey // of this sale: a repeat with the same key gets the first answer
	Offer Claim          // bought instead of free units: from a lease, and told to nobody; Count 0: there is none

	// ByLot buys the unit that Buyer has won in the draw: no other unit, and no Offer. If the unit was collected before, and
	// no Key is sent, the answer is the same unit while it is pending.
	ByLot bool
	Ever  bool // with ByLot: the answer is the collected unit, whatever became of it since

	Latest int64 // the latest time, by the store's clock, at which the call may be executed; 0: at any time
}

// Answer is the outcome of a Deduct.
type Answer int

// The outcomes of a Deduct.
const (
	Unavailable Answer = iota // there were not N units in a row, or the doors are shut
	Granted                   // the buyer has the units; with a Key, perhaps from an earlier call
	OverLimit                 // the buyer has as many as the sale allows
	KeyUsed                   // the key was used for another number of units
)

// DeductReply has a Claim when Granted. When OverLimit, it has the buyer's pending claim, if there is one.
type DeductReply struct {
	Head
	Answer Answer
	Claim  Claim
	Until  int64 // when the claim's hold ends by the store's clock, Unix microseconds; 0: never
}

// Limits of a DeductEach, so that it holds Redis no longer than a Settle does.
const (
	MaxDeducts     = 128 // buys
	MaxDeductUnits = 512 // the sum of their Units
)

// Units is how many units a buy may be work for: those that it asks for, and those that its buyer may have had and not paid, in a
// sale with that limit.
func (q DeductRequest) Units(limit uint64) int { return int(q.N) + int(limit) }

// Deducted is the answer to one buy of a DeductEach. If Err is a *Refusal, the buy was refused. The Head is as the call left the
// sale.
type Deducted struct {
	DeductReply
	Err error
}

// AnswersRequest asks which keys have an answer that a repeat must get again, and which buyers have won where the sale has a
// limit: for those that are new since Last.
type AnswersRequest struct {
	Birth uint64
	Last  *AnswersMark // nil: for all
}

// AnswersMark is how far a caller knows the answers of an era: of those to winners, and of the others.
type AnswersMark struct{ Wins, Others LogMark }

// LogMark is the number of the last name of a log that is known, and the number before that of the oldest that was kept then.
type LogMark struct{ Last, First int64 }

// MaxAnswers is the most keys of winners, and of others, in one AnswersReply.
const MaxAnswers = 1000

// AnswersReply has the first 8 bytes of each IdempotencyKey, and Buyers whole. A key or a buyer may come more than once, and may
// be answered no more. If More, another call follows from Mark.
type AnswersReply struct {
	Head
	Mark   AnswersMark
	More   bool
	Keys   [][8]byte
	Buyers []Buyer
}

// One is the answer to the only buy of a DeductEach.
func One(out []Deducted, err error) (DeductReply, error) {
	if err != nil {
		return DeductReply{}, err
	}
	return out[0].DeductReply, out[0].Err
}

// Life is the state of a reservation.
type Life int

// The states of a reservation.
const (
	IsPending Life = iota
	IsConfirmed
	IsCancelled
	IsExpired  // or unknown to the ledger: nobody can have it any more
	IsRefunded // the operator has put its units back on sale
)

func (l Life) String() string {
	return [...]string{"pending", "confirmed", "cancelled", "expired", "refunded"}[l]
}

// ReservationReply is a reservation after a call. Confirm was done, now or before, if the Life is IsConfirmed; Cancel, if it
// is IsCancelled; Release, if it is IsRefunded; Prolong, if it is IsPending.
type ReservationReply struct {
	Head
	Life   Life
	Until  int64 // of Reservation and Prolong: when its hold ends by the store's clock, Unix microseconds; 0: never
	Stored bool  // of Reservation: the order workers have stored the reservation's newest event
}

// UnitReply has the claim that has a serial. Count 0: there is none.
type UnitReply struct {
	Head
	Claim Claim
}

// MineReply has a buyer's reservations that may still be paid, in the order of their serials.
type MineReply struct {
	Head
	Claims []Claim
}

// ExpireReply says how many units went free.
type ExpireReply struct {
	Head
	Freed uint64
}

// ShowReply says in Trouble why nothing is granted ("": there is no reason), and in Raised how many units a hand has added
// that no script has taken yet.
type ShowReply struct {
	Head
	Trouble string
	Raised  uint64
	Secret  Secret
	Lineup  string // the replicas that are here, for Reopen; "" while none is missing
	Sells   int64  // ledger time until which edges may sell from leases of a lost history; 0: no edge does
}

// Quiet says that no edge has anything to sell.
func (r ShowReply) Quiet() bool { return r.Leased == 0 && r.Sells == 0 }

// ReopenRequest is what the operator, or the Sentinels, agreed upon. If it no longer fits, nothing is done.
type ReopenRequest struct {
	Era    uint64 // 0: any
	Lineup string // these replicas are waited for from now on; "": as many as before
	Least  uint64 // the least number of replicas that must be here
	Grants bool   // grant units again now
}

// ChangeRequest adds stock and moves the doors.
type ChangeRequest struct {
	Request string // the same request adds once
	Add     uint64
	To      string // "", open, paused, closed
}
