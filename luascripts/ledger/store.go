package ledger

import (
	"context"
	"time"
)

// Store is all that a store of ledgers does: for who opens one. Who uses it takes the parts it needs. All calls are safe for
// concurrent use, and may be sent again after a lost reply: each is idempotent by its request, batch, claim or key; a Deduct
// only if it has a Key. An error is a *Refusal (nothing was done), or wraps ErrDown (nobody knows).
type Store interface {
	Ledger
	Reservations
	Draws
	Events
	News
	Operator

	// TokenKey is the key all edges of this store sign with, made at the first call.
	TokenKey(ctx context.Context) ([]byte, error)
	// Identity tells this store from all others, and from itself after it has lost everything. Made at the first call.
	Identity(ctx context.Context) (string, error)
	Ping(ctx context.Context) error
	// Willing is Ping, and fails too where the store answers and takes no writes.
	Willing(ctx context.Context) error
	Close()
}

// Ledger is how an edge comes by units, and what it tells of them. Tend is the order workers', too.
type Ledger interface {
	Lease(ctx context.Context, sale string, r LeaseRequest) (LeaseReply, error)
	Renew(ctx context.Context, sale string, r RenewRequest) (RenewReply, error)
	GiveBack(ctx context.Context, sale string, r GiveBackRequest) (GiveBackReply, error)
	Settle(ctx context.Context, sale string, r SettleRequest) (SettleReply, error)
	Deduct(ctx context.Context, sale string, r DeductRequest) (DeductReply, error)
	Reassert(ctx context.Context, sale string, r ReassertRequest) (ReassertReply, error)
	// Tend is Expire for who does it seldom: ledger time passes as far as the caller has lived through it.
	Tend(ctx context.Context, sale string, r TendRequest) (TendReply, error)
}

// Reservations are the buyers' side. They need nothing but the claim that a token carries; its settle may be still to come.
type Reservations interface {
	Confirm(ctx context.Context, sale string, birth uint64, c Claim) (ReservationReply, error)
	Cancel(ctx context.Context, sale string, birth uint64, c Claim) (ReservationReply, error)
	Reservation(ctx context.Context, sale string, birth uint64, c Claim) (ReservationReply, error)
	// BindKey says for which (sale, n) an idempotency key stands: the caller's, or ErrKeyUsed. A binding lasts keep, at
	// the least, from the last call.
	BindKey(ctx context.Context, key IdempotencyKey, sale string, n uint32, keep time.Duration) error
}

// Draws are of sales whose first units go by lot.
type Draws interface {
	// EnterDraw puts buyers into the draw; Draw is a slice of its permutation.
	EnterDraw(ctx context.Context, sale string, r EnterRequest) (EnterReply, error)
	Draw(ctx context.Context, sale string, from, most int) (DrawReply, error)
}

// News is which sales there are, how they stand, and how to hear that one stands otherwise.
type News interface {
	// List names the sales there are: all that were ever opened, and of those made by hand the ones found yet.
	List(ctx context.Context) ([]string, error)
	Show(ctx context.Context, sale string) (ShowReply, error)
	// Glance is a mark of the sale, for a tenth of what Show costs. While it is the same nothing was written, by a script or
	// by a hand on the hash: Show, asked after the first of two equal marks, still says the same, but for what clocks and
	// the server's health have to do with.
	Glance(ctx context.Context, sale string) (string, error)
	// Marks are the marks of many sales, in order, in one look; and what the store calls its history: where that has changed,
	// a sale's next script may begin a new era, whatever its mark.
	Marks(ctx context.Context, sales []string) (marks []Mark, history string, err error)
	// Born is the sale of that birth, by one look-up: ErrNoSale where there is none any more. It may be gone or made anew
	// since, which its scripts say. Any other error: nobody knows yet.
	Born(ctx context.Context, birth uint64) (Found, error)
	// Listen tells of every sale that was made, got units back, or was removed; whose last unit went (nothing free, nothing
	// leased) or whose first came, by whatever way; and whose doors the operator moved. Until ctx ends. A total raised by
	// hand is told of by the next script that writes. News may be lost where the store does not let scripts publish.
	Listen(ctx context.Context, l Listener)
	// News is Listen for who asks anew now and then whatever happens: lost is Begin.
	News(ctx context.Context, f func(sale string, door State), lost func())
}

// Operator is the operators' side.
type Operator interface {
	Create(ctx context.Context, sale string, r CreateRequest) (Head, error)
	Change(ctx context.Context, sale string, r ChangeRequest) (Head, error)
	Remove(ctx context.Context, sale string) error
	// Expire puts units whose hold is over back on sale, looking at up to about `most` of them.
	Expire(ctx context.Context, sale string, most int) (ExpireReply, error)
	Audit(ctx context.Context, sale string) (Audit, error)
	// Reopen gives up waiting for replicas that are gone, and, with Grants, for the end of a recovery.
	Reopen(ctx context.Context, sale string, r ReopenRequest) (Head, error)
	// Mend writes the sale's hash again from its ledger: a hand has deleted it or spoilt it.
	Mend(ctx context.Context, sale string) (Head, error)
	// Survey names all sales, however long that takes: List may not have found one that was made by hand.
	Survey(ctx context.Context) ([]string, error)
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
