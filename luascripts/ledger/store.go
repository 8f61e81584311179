package ledger

import (
	"context"
	"time"

	"spike/shard"
)

// Store is the common truth that edges share: Redis, or the ledger's twin inside one process. All calls are safe for
// concurrent use, and may be sent again after a lost reply: each is idempotent by its request, batch, claim or key; a
// Deduct only if it has a Key. An error is a *Refusal (nothing was done), or wraps ErrDown (nobody knows).
type Store interface {
	Lease(ctx context.Context, sale string, r LeaseRequest) (LeaseReply, error)
	Renew(ctx context.Context, sale string, r RenewRequest) (RenewReply, error)
	GiveBack(ctx context.Context, sale string, r GiveBackRequest) (GiveBackReply, error)
	Settle(ctx context.Context, sale string, r SettleRequest) (SettleReply, error)
	Deduct(ctx context.Context, sale string, r DeductRequest) (DeductReply, error)
	Reassert(ctx context.Context, sale string, r ReassertRequest) (ReassertReply, error)
	// EnterDraw puts buyers into the draw of a sale whose first units go by lot; Draw is a slice of its permutation.
	EnterDraw(ctx context.Context, sale string, r EnterRequest) (EnterReply, error)
	Draw(ctx context.Context, sale string, from, most int) (DrawReply, error)

	// Confirm, Cancel and Reservation need nothing but the claim a token carries; the claim's settle may be still to come.
	Confirm(ctx context.Context, sale string, birth uint64, c Claim) (ReservationReply, error)
	Cancel(ctx context.Context, sale string, birth uint64, c Claim) (ReservationReply, error)
	Reservation(ctx context.Context, sale string, birth uint64, c Claim) (ReservationReply, error)
	// Expire puts units whose hold is over back on sale, looking at up to about `most` of them.
	Expire(ctx context.Context, sale string, most int) (ExpireReply, error)
	// Tend is Expire for who does it seldom: ledger time passes as far as the caller has lived through it.
	Tend(ctx context.Context, sale string, r TendRequest) (TendReply, error)
	Events

	// BindKey says for which (sale, n) an idempotency key stands: the caller's, or ErrKeyUsed. A binding lasts keep, at
	// the least, from the last call.
	BindKey(ctx context.Context, key IdempotencyKey, sale string, n uint32, keep time.Duration) error
	// Listen tells of every sale that was made, got units back, or was removed; whose last unit went (nothing free, nothing
	// leased) or whose first came, by whatever way; and whose doors the operator moved. Until ctx ends. A total raised by
	// hand is told of by the next script that writes. News may be lost where the store does not let scripts publish.
	Listen(ctx context.Context, l Listener)
	// News is Listen for who asks anew now and then whatever happens: lost is Begin.
	News(ctx context.Context, f func(sale string, door State), lost func())

	Show(ctx context.Context, sale string) (ShowReply, error)
	// Glance is a mark of the sale, for a tenth of what Show costs. While it is the same nothing was written, by a script or
	// by a hand on the hash: Show, asked after the first of two equal marks, still says the same, but for what clocks and
	// the server's health have to do with.
	Glance(ctx context.Context, sale string) (string, error)
	// Marks are the marks of many sales, in order, in one look; and what the store calls its history: where that has changed,
	// a sale's next script may begin a new era, whatever its mark.
	Marks(ctx context.Context, sales []string) (marks []Mark, history string, err error)
	Audit(ctx context.Context, sale string) (Audit, error)
	Create(ctx context.Context, sale string, r CreateRequest) (Head, error)
	Change(ctx context.Context, sale string, r ChangeRequest) (Head, error)
	Remove(ctx context.Context, sale string) error
	// Reopen gives up waiting for replicas that are gone, and, with Grants, for the end of a recovery.
	Reopen(ctx context.Context, sale string, r ReopenRequest) (Head, error)
	// Mend writes the sale's hash again from its ledger: a hand has deleted it or spoilt it.
	Mend(ctx context.Context, sale string) (Head, error)
	// List names the sales there are: all that were ever opened, and of those made by hand the ones found yet. Survey names
	// all, however long that takes.
	List(ctx context.Context) ([]string, error)
	Survey(ctx context.Context) ([]string, error)
	// Born is the sale of that birth, by one look-up: ErrNoSale where there is none any more. It may be gone or made anew
	// since, which its scripts say. Any other error: nobody knows yet.
	Born(ctx context.Context, birth uint64) (Found, error)

	// TokenKey is the key all edges of this store sign with, made at the first call.
	TokenKey(ctx context.Context) ([]byte, error)
	// Identity tells this store from all others, and from itself after it has lost everything. Made at the first call.
	Identity(ctx context.Context) (string, error)
	Ping(ctx context.Context) error
	// Willing is Ping, and fails too where the store answers and takes no writes.
	Willing(ctx context.Context) error
	Close()
}

// Mark of a sale. While it is the same nobody has got a lease, a hold or another time to live by, and no unit has another
// owner. Rev is that of the newest script that gave one, Events the number of the newest event. All zero: there is no ledger.
type Mark struct{ Birth, Era, Rev, Events uint64 }

// Found is a sale, and the store's history in which it was seen; 0: in none.
type Found struct {
	Sale string
	Era  uint64
}

// Listener hears news of all sales. None of its functions may wait, nor call the store; none is nil.
type Listener struct {
	Begin func()                        // it listens from now on: of what came before, news may have been missed
	News  func(sale string, door State) // the doors as they are (Open, Paused, Closed; Closed too when the sale is no more)
	End   func()                        // it listens no more, until Begin: once after each
	Fails func(err error)               // it cannot listen, or not any more; it goes on trying
}

// State is what the sale's doors are now.
type State int

// The doors of a sale.
const (
	Open State = iota
	Paused
	Closed
	Unopened // its opening time is still to come
	Drawing  // buyers enter the draw; nothing is sold before it
)

func (s State) String() string {
	return [...]string{"open", "paused", "closed", "not open yet", "drawing"}[s]
}

var doors = map[string]State{"open": Open, "paused": Paused, "closed": Closed}

// StateOf is the state that an operator may give the doors, by its word.
func StateOf(word string) State { return doors[word] }

// Head begins every reply: the sale as it stood after the script. Times are microseconds.
type Head struct {
	Raw       int64  // the store's clock, Unix
	Now       int64  // ledger time: holds and leases live by it
	Birth     uint64 // the identity of this sale
	Total     uint64
	Free      uint64
	Leased    uint64
	Limbo     uint64
	Pending   uint64
	Confirmed uint64
	Gen       uint64 // grows whenever units come back
	Rev       uint64 // grows with every script that wrote
	Recall    bool   // another edge is out of units: give back what you do not need
	State     State
	Hold      int64 // 0: sold is sold
	Opens     int64 // Unix; 0: no such time
	Closes    int64
	Limit     uint64 // units per buyer; 0: no limit
	Due       bool   // more was over than one sweep could put right: call again soon
	Era       uint64 // the identity of the store's history
	Reopens   int64  // ledger time until which a new era grants nothing; 0: units are granted
	Replicas  uint64 // the most that were seen in this era: all must have what is acted on
	Strangers uint64 // that follow the server too, and count for nothing: what they acknowledge is not what replicas have
	Lots      Lots   // of a sale whose first units go by lot
}

// Final says that no unit will ever come back by itself.
func (h Head) Final() bool {
	return h.Free == 0 && h.Leased == 0 && h.Limbo == 0 && (h.Pending == 0 || h.Hold == 0)
}

// Owned counts the units that belong to buyers.
func (h Head) Owned() uint64 { return h.Pending + h.Confirmed }

// Ranges of serials, as the shards hold them.
type Ranges []shard.Range

// Len counts the serials.
func (rs Ranges) Len() (n uint64) {
	for _, r := range rs {
		n += uint64(r.Len())
	}
	return n
}

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

	ByLot bool // the unit that Buyer has drawn and no other; collected before, it is had again while it is pending and no Key is sent
	Ever  bool // with ByLot: had again whatever has become of it since

	Latest int64 // by the store's clock: not to be executed later; 0: at any time
}

// Answer is what a Deduct came to.
type Answer int

// What a Deduct came to.
const (
	NotHad    Answer = iota // there were not N units in a row, or the doors are shut
	Had                     // won; with a Key perhaps already the last time
	OverLimit               // the buyer has as many as the sale allows
	KeyUsed                 // the key was used for another number of units
)

// DeductReply has a Claim when Had, and when OverLimit the buyer's own pending one, if there is one.
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

// CreateRequest is a new sale.
type CreateRequest struct {
	Total  uint64
	Hold   time.Duration // 0: sold is sold
	Limit  uint32        // units per buyer, at most MaxLimit; 0: no limit
	Opens  time.Time     // zero: no such time
	Closes time.Time

	Shuffle time.Duration // the units are drawn among those who enter so long from Opens on, or from now; 0: who comes first
	Seed    string        // of the draw, as CheckSeed takes it; "": a random one
}

// Micro is a time as the ledger has it, Unix microseconds; 0: none.
func Micro(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// MaxLimit is the largest limit per buyer, MaxHold the longest hold.
const (
	MaxLimit = 100
	MaxHold  = 30 * 24 * time.Hour
)

// ChangeRequest adds stock and moves the doors.
type ChangeRequest struct {
	Request string // the same request adds once
	Add     uint64
	To      string // "", open, paused, closed
}
