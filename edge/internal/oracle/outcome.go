package oracle

import (
	"sync/atomic"

	"spike/edge/allotment"
	"spike/shard"
)

// outcome is what a buy heard. The first ones are the allotment's reasons for a "no", in their order.
type outcome int

const (
	soldOut   = outcome(allotment.SoldOut)
	noneNow   = outcome(allotment.NoneNow)
	paused    = outcome(allotment.Paused)
	unopened  = outcome(allotment.Unopened)
	closed    = outcome(allotment.Closed)
	undecided = outcome(allotment.Undecided)
	won       = outcome(allotment.Reasons)
)

// What only those hear who say who they are, or should.
const (
	overLimit   = won + 1 + iota // the buyer has as many as the sale allows
	noBuyer                      // the sale must know its buyers, and this one is nobody
	keyUsed                      // the idempotency key stands for another sale or number of units
	keyInFlight                  // another request with it is under way
	entered                      // the buyer has a lot
	tooMuch                      // it asks for more than one buyer may ever have
	outcomes
)

// names are the outcome label of spike_buys_total. Nobody hears Gone, Drawing or Lots: such a buy goes another way.
var names = [outcomes]string{
	allotment.SoldOut: "sold_out", allotment.NoneNow: "none_now", allotment.Paused: "paused",
	allotment.Unopened: "not_open", allotment.Closed: "closed", allotment.Undecided: "undecided",
	allotment.Refused: "refused", won: "won", overLimit: "over_limit", noBuyer: "no_buyer", keyUsed: "key_used",
	keyInFlight: "key_in_flight", entered: "entered", tooMuch: "n_over_limit",
}

// tally counts answers, a line of counters for each CPU.
type tally []tallyLane

type tallyLane struct {
	n [outcomes]atomic.Uint64
	_ [128 - 8*outcomes%128]byte
}

func (t tally) add(o outcome) { t[shard.CPU()&(len(t)-1)].n[o].Add(1) }

// read is exact for all answers that have been counted.
func (t tally) read(o outcome) (n uint64) {
	for i := range t {
		n += t[i].n[o].Load()
	}
	return n
}

func (t tally) total() (n uint64) {
	for o := range outcomes {
		n += t.read(o)
	}
	return n
}
