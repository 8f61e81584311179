package ledger

import (
	"context"
	"time"
)

// Store is all that a store of ledgers can do. A user of a store names the parts that it needs. All calls are safe for
// concurrent use. A call may be repeated after a lost reply: each is idempotent by its request, batch, claim or key, but a
// Deduct only with a Key. An error is a *Refusal (nothing was done), or wraps ErrDown (nobody knows whether it was done).
type Store interface {
	Ledger
	Reservations
	Draws
	Events
	News
	Operator
	Beats
	Journal

	// TokenKey is the key with which all edges of this store sign. The first call makes it.
	TokenKey(ctx context.Context) ([]byte, error)
	// Identity tells this store from all others, and from itself after it has lost everything. The first call makes it.
	Identity(ctx context.Context) (string, error)
	Ping(ctx context.Context) error
	// Willing is Ping, but it also fails if the store answers and takes no writes.
	Willing(ctx context.Context) error
	Close()
}

// Ledger is how an edge gets units and reports them. Order workers call Tend, too.
type Ledger interface {
	Lease(ctx context.Context, sale string, r LeaseRequest) (LeaseReply, error)
	Renew(ctx context.Context, sale string, r RenewRequest) (RenewReply, error)
	GiveBack(ctx context.Context, sale string, r GiveBackRequest) (GiveBackReply, error)
	Settle(ctx context.Context, sale string, r SettleRequest) (SettleReply, error)
	// DeductEach decides up to MaxDeducts buys by one call, in order, each by itself. They have one Birth, one ByLot and one
	// Ever. The Latest of the first is the call's.
	DeductEach(ctx context.Context, sale string, r []DeductRequest) ([]Deducted, error)
	// Deduct is DeductEach for one buy.
	Deduct(ctx context.Context, sale string, r DeductRequest) (DeductReply, error)
	Answers(ctx context.Context, sale string, r AnswersRequest) (AnswersReply, error)
	Reassert(ctx context.Context, sale string, r ReassertRequest) (ReassertReply, error)
	// Tend is Expire for a caller that comes seldom: ledger time moves on by as much as the caller has lived through.
	Tend(ctx context.Context, sale string, r TendRequest) (TendReply, error)
}

// Reservations are the calls about reservations. All but Mine and Unit need only the claim that a token carries, even before that
// claim is settled.
type Reservations interface {
	Confirm(ctx context.Context, sale string, birth uint64, c Claim) (ReservationReply, error)
	Cancel(ctx context.Context, sale string, birth uint64, c Claim) (ReservationReply, error)
	// Mine is for a buyer who has lost its tokens. It fails with ErrUnlisted if the sale has no limit per buyer, for only such a
	// sale knows which units a buyer has, and with ErrNoBuyer for an anonymous buyer. In a recovery it never says "none".
	Mine(ctx context.Context, sale string, birth uint64, b Buyer) (MineReply, error)
	Reservation(ctx context.Context, sale string, birth uint64, c Claim) (ReservationReply, error)
	// Prolong moves the end of a hold to `by` after the claim's own expiry, and at most by the sale's hold. It never moves an end
	// nearer. So a repeat changes nothing. by is at least a microsecond. A sale without a hold has no ends: nothing is done.
	Prolong(ctx context.Context, sale string, birth uint64, c Claim, by time.Duration) (ReservationReply, error)
	// Release puts the units of a reservation back on sale, also if it is confirmed.
	Release(ctx context.Context, sale string, birth uint64, c Claim) (ReservationReply, error)
	// Unit is the reservation that has a serial. If id has a Fence and a Nonce, it is that reservation or none. A reservation
	// that was cancelled or refunded is found by its id for the hold and a day, without its expiry and its buyer; a cancelled one
	// by its first serial only.
	Unit(ctx context.Context, sale string, birth uint64, serial uint32, id Claim) (UnitReply, error)
}

// Draws are the calls of sales whose first units go by lot.
type Draws interface {
	// EnterDraw enters buyers into the draw. Draw is a slice of its permutation.
	EnterDraw(ctx context.Context, sale string, r EnterRequest) (EnterReply, error)
	Draw(ctx context.Context, sale string, from, most int) (DrawReply, error)
}

// News is which sales there are, what their state is, and how to hear of a change.
type News interface {
	// List names the sales: all that were ever opened, and those made by hand that were found so far.
	List(ctx context.Context) ([]string, error)
	Show(ctx context.Context, sale string) (ShowReply, error)
	// Revision is a mark of the sale, for a tenth of the price of Show. While it stays the same, no script and no hand on the
	// hash has written. So the answer of a Show that was asked after the first of two equal marks still holds, except for
	// what depends on clocks and on the server's health.
	Revision(ctx context.Context, sale string) (string, error)
	// Marks are the marks of many sales, in order, by one call, and the identity of the store's history. If the history has
	// changed, a sale's next script may begin a new era although its mark is the same.
	Marks(ctx context.Context, sales []string) (marks []Mark, history string, err error)
	// Born is the sale of that birth, by one look-up; ErrNoSale if there is none any more. The sale may have been removed or
	// made anew since, and its scripts say so. After any other error nobody knows yet.
	Born(ctx context.Context, birth uint64) (Found, error)
	// Listen reports, until ctx ends, every sale that was made, got units back or was removed; whose free and leased units
	// fell to 0 or rose from 0; and whose doors the operator moved. A total raised by hand is reported by the next script
	// that writes. News may be lost if the store does not let scripts publish.
	Listen(ctx context.Context, l Listener)
	// News is Listen for a caller that also asks again now and then; lost is Listener.Begin.
	News(ctx context.Context, f func(sale string, door State), lost func())
}

// Operator is the calls of operators.
type Operator interface {
	Create(ctx context.Context, sale string, r CreateRequest) (Head, error)
	Change(ctx context.Context, sale string, r ChangeRequest) (Head, error)
	// Edit moves a sale's times, or changes what it is before its first sale.
	Edit(ctx context.Context, sale string, r EditRequest) (Head, error)
	Remove(ctx context.Context, sale string) error
	// Expire puts units whose hold is over back on sale. It reads up to about `most` of them.
	Expire(ctx context.Context, sale string, most int) (ExpireReply, error)
	Audit(ctx context.Context, sale string) (Audit, error)
	// Reopen stops waiting for replicas that are gone and, with Grants, for the end of a recovery.
	Reopen(ctx context.Context, sale string, r ReopenRequest) (Head, error)
	// Mend writes the sale's hash again from its ledger, after a hand has deleted or spoilt the hash.
	Mend(ctx context.Context, sale string) (Head, error)
	// Survey names all sales, however long that takes: List may not have found a sale that was made by hand.
	Survey(ctx context.Context) ([]string, error)
}

// Mark is the mark of a sale. While it stays the same, no instance has got a lease, no buyer a hold, nobody another deadline
// or expiry, and no unit another owner. Rev is the rev of the newest script that gave such a time, and Events is the number
// of the newest event. All zero: there is no ledger.
type Mark struct{ Birth, Era, Rev, Events uint64 }

// Found is a sale, and the era in which it was seen; 0: in none.
type Found struct {
	Sale string
	Era  uint64
}

// Listener hears the news of all sales. Its functions must not wait and must not call the store. None may be nil.
type Listener struct {
	Begin func()                        // it listens from now on: earlier news may have been missed
	News  func(sale string, door State) // the doors (Open, Paused, Closed; Closed also when the sale is removed)
	End   func()                        // it no longer listens, until the next Begin; once after each Begin
	Fails func(err error)               // it cannot listen, and tries again
}
