package order

import (
	"spike/luascripts"
	"spike/shard"
)

// State is how far a reservation has come. The order is Merge's: of two states the later one holds.
type State int

// The states. The last three are final: a reservation comes to one of them, and stays.
const (
	Claimed   State = iota // an edge knows
	Pending                // the ledger knows, unpaid
	Expired                // the hold was over first
	Cancelled              // the buyer did not want it
	Confirmed              // paid
)

var stateNames = [...]string{"claimed", "pending", "expired", "cancelled", "confirmed"}

func (s State) String() string { return stateNames[s] }

// Final says that nothing more will happen.
func (s State) Final() bool { return s > Pending }

// Merge is the state of a row that has heard of both: a final state wins over pending, in whatever order they arrive. It
// is a maximum, so batches of several workers commute, and hearing a thing twice is hearing it once. Two different final
// states of one reservation do not happen; if they did, paid would win.
func Merge(old, heard State) State { return max(old, heard) }

// after is the state an event tells of.
var after = map[luascripts.EventKind]State{luascripts.Reserved: Pending, luascripts.Confirmed: Confirmed,
	luascripts.Cancelled: Cancelled, luascripts.Expired: Expired}

// Input is something that is asked of a reservation.
type Input int

// The inputs.
const (
	Settle  Input = iota // the edge tells the ledger
	Confirm              // the payment service says it is paid
	Cancel               // the buyer gives it up
	Look                 // somebody asks for its state
	Sweep                // time has passed
)

// Output is what an input came to.
type Output struct {
	Answer  State                  // to Confirm, Cancel and Look: what the caller hears. Done, now or before, if it is the caller's
	Verdict luascripts.Verdict     // to Settle
	Events  []luascripts.EventKind // for the stream, in order
	Restock shard.Range            // goes back on sale; empty: nothing
}

// Life is one reservation, from Reserve on. It has no clock: every step is told the time (ledger time, microseconds).
//
// A repeat answers what the first answered. Confirm and Cancel may overtake Settle: then it is settled in the same step,
// first. What is over is over, also before a sweep has found it; only the sweep puts its units back.
type Life struct {
	claim luascripts.Claim
	held  bool // the sale has a hold. Without: what is settled in time never ends by itself
	state State
}

// Reserve is an edge's promise to a buyer, told to nobody yet. A sale without hold gives its claims an expiry too: until
// then they can be settled.
func Reserve(c luascripts.Claim, held bool) *Life { return &Life{claim: c, held: held} }

// State is what the ledger would write down; past the hold and before the sweep that is still pending.
func (l *Life) State() State { return l.state }

// over says that the reservation can no longer be had, though no sweep may have found it.
func (l *Life) over(now int64) bool {
	switch l.state {
	case Claimed:
		return l.claim.Expiry <= now
	case Pending:
		return l.held && l.claim.Expiry <= now
	default:
		return l.state == Expired
	}
}

// seen is the state as a caller hears it.
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
		l.resolve(Confirmed, luascripts.Confirmed, now, &out)
	case Cancel:
		l.resolve(Cancelled, luascripts.Cancelled, now, &out)
	case Sweep:
		l.sweep(now, &out)
	case Look:
	}
	out.Answer = l.seen(now)
	return out
}

// settle answers for good: what was told once was told, whatever has become of it since.
func (l *Life) settle(now int64, out *Output) luascripts.Verdict {
	switch {
	case l.state == Expired, l.state == Claimed && l.over(now):
		return luascripts.TooLate
	case l.state == Claimed:
		l.state = Pending
		out.Events = append(out.Events, luascripts.Reserved)
	}
	return luascripts.Kept
}

func (l *Life) resolve(to State, kind luascripts.EventKind, now int64, out *Output) {
	if l.over(now) || l.state.Final() {
		return
	}
	l.settle(now, out)
	l.state = to
	out.Events = append(out.Events, kind)
	if to != Confirmed {
		out.Restock = l.units()
	}
}

// sweep ends what is over. A claim that was never settled ends without a word: the stream has never heard of it.
func (l *Life) sweep(now int64, out *Output) {
	if l.state.Final() || !l.over(now) {
		return
	}
	if l.state == Pending {
		out.Events = append(out.Events, luascripts.Expired)
	}
	l.state = Expired
	out.Restock = l.units()
}

func (l *Life) units() shard.Range {
	return shard.Range{Start: l.claim.Serial, End: l.claim.Serial + l.claim.Count}
}
