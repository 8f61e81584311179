package order

import (
	"spike/luascripts/ledger"
	"spike/shard"
)

// State is how far a reservation has come. The order is Merge's: of two states the later one wins.
type State int

// The states. The last four are ends: a reservation reaches one of them, and stays there. But a pending or a confirmed one may be
// refunded.
const (
	Claimed   State = iota // an edge knows of it
	Pending                // the ledger knows of it, unpaid
	Expired                // its hold was over
	Cancelled              // its buyer gave it up
	Confirmed              // paid
	Refunded               // the operator has put its units back on sale, paid or not
)

var stateNames = [...]string{"claimed", "pending", "expired", "cancelled", "confirmed", "refunded"}

func (s State) String() string { return stateNames[s] }

// Ended says that the state never goes back to pending.
func (s State) Ended() bool { return s > Pending }

// Merge is the state of a row after two events. An end wins over pending, and refunded over confirmed, whatever came first. Merge
// is a maximum, so batches of several workers commute, and a repeated event changes nothing. Two other ends of one
// reservation do not happen; if they did, paid would win.
func Merge(old, heard State) State { return max(old, heard) }

// after is the state that an event leads to.
var after = map[ledger.EventKind]State{ledger.Reserved: Pending, ledger.Prolonged: Pending, ledger.Confirmed: Confirmed,
	ledger.Cancelled: Cancelled, ledger.Expired: Expired, ledger.Refunded: Refunded}

// Input is a request to a reservation.
type Input int

// The inputs.
const (
	Settle  Input = iota // the edge tells the ledger
	Confirm              // the payment service says that it is paid
	Cancel               // the buyer gives it up
	Prolong              // its payment is under way: its hold ends later
	Release              // the operator gives the money back
	Look                 // a caller asks for its state
	Sweep                // time has passed
)

// Output is the result of an input.
type Output struct {
	Answer  State              // to all but Settle and Sweep: what the caller hears. It is done if it is the asked state
	Verdict ledger.Verdict     // to Settle
	Events  []ledger.EventKind // for the stream, in order
	Restock shard.Range        // goes back on sale; empty: nothing
}

// Life is one reservation, from Reserve on. It has no clock: every step is told the time (ledger time, microseconds).
//
// A repeat gets the first answer. Confirm and Cancel may overtake Settle; then the same step settles first. A reservation is over
// at the end of its time, even before a sweep has found it. Only the sweep puts its units back.
type Life struct {
	claim ledger.Claim
	held  bool // the sale has a hold. Without one, a claim that is settled in time never ends by itself
	state State
	ends  int64 // when its hold is over
	later int64 // what Prolong asks for: how long after the claim's expiry the hold ends, at most the sale's hold
}

// Reserve is an edge's promise to a buyer, not told yet. Claims of a sale without a hold have an expiry too: they must be settled
// before it.
func Reserve(c ledger.Claim, held bool) *Life { return &Life{claim: c, held: held, ends: c.Expiry} }

// State is the state that the ledger would store. After the hold's end and before the sweep that is still pending.
func (l *Life) State() State { return l.state }

// over says that the time of the reservation is over, even if no sweep has found it.
func (l *Life) over(now int64) bool {
	switch l.state {
	case Claimed:
		return l.claim.Expiry <= now
	case Pending:
		return l.held && l.ends <= now
	default:
		return l.state == Expired
	}
}

// seen is the state that a caller hears.
func (l *Life) seen(now int64) State {
	if l.over(now) {
		return Expired
	}
	return max(l.state, Pending)
}

// Step moves the reservation.
func (l *Life) Step(in Input, now int64) (out Output) {
	switch in {
	case Settle:
		out.Verdict = l.settle(now, &out)
	case Confirm:
		l.resolve(Confirmed, ledger.Confirmed, now, &out)
	case Cancel:
		l.resolve(Cancelled, ledger.Cancelled, now, &out)
	case Prolong:
		l.prolong(now, &out)
	case Release:
		l.resolve(Refunded, ledger.Refunded, now, &out)
	case Sweep:
		l.sweep(now, &out)
	case Look:
	}
	out.Answer = l.seen(now)
	return out
}

// settle gives a final answer: a repeat hears it again, whatever happened since.
func (l *Life) settle(now int64, out *Output) ledger.Verdict {
	switch {
	case l.state == Expired, l.state == Claimed && l.over(now):
		return ledger.TooLate
	case l.state == Claimed:
		l.state = Pending
		out.Events = append(out.Events, ledger.Reserved)
	}
	return ledger.Kept
}

func (l *Life) resolve(to State, kind ledger.EventKind, now int64, out *Output) {
	refund := to == Refunded && l.state == Confirmed
	if l.over(now) || l.state.Ended() && !refund {
		return
	}
	l.settle(now, out)
	l.state = to
	out.Events = append(out.Events, kind)
	if to != Confirmed {
		out.Restock = l.units()
	}
}

// prolong moves the end of the hold, and never nearer. It settles first, because only a settled claim may outlast its own expiry.
func (l *Life) prolong(now int64, out *Output) {
	if l.over(now) || l.state.Ended() {
		return
	}
	l.settle(now, out)
	if ends := l.claim.Expiry + l.later; l.held && ends > l.ends {
		l.ends = ends
		out.Events = append(out.Events, ledger.Prolonged)
	}
}

// sweep ends a reservation whose time is over. A claim that was never settled ends without an event, because the stream has never
// heard of it.
func (l *Life) sweep(now int64, out *Output) {
	if l.state.Ended() || !l.over(now) {
		return
	}
	if l.state == Pending {
		out.Events = append(out.Events, ledger.Expired)
	}
	l.state = Expired
	out.Restock = l.units()
}

func (l *Life) units() shard.Range {
	return shard.Range{Start: l.claim.Serial, End: l.claim.Serial + l.claim.Count}
}
