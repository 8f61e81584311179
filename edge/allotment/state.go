package allotment

import (
	"time"

	"spike/luascripts/ledger"
)

// What a Keeper knows, by purpose.

// call is one kind of call to the ledger. At most one is under way.
type call struct {
	busy bool    // one is under way
	due  Instant // the earliest time of the next
}

func (c *call) ready(now Instant) bool { return !c.busy && !now.Before(c.due) }

// ended notes the end of the call under way. If the call has failed, the next one waits.
func (c *call) ended(now Instant, err error) (ok bool) {
	c.busy = false
	if err != nil {
		c.due = now.Add(retryFirst)
	}
	return err == nil
}

// view is the sale as of the newest answer, and why buyers hear "no".
type view struct {
	ledger.Head
	seen      Instant // when the newest answer came
	known     bool    // an answer has come
	exhausted bool    // the newest lease call brought nothing, and nothing was free
	down      bool    // the newest call was not answered
	downWhy   string  // why the newest unanswered call failed
	refused   string  // why the ledger grants nothing
}

// demand is what buyers want here.
type demand struct {
	rate           rate
	lastBuy        Instant
	buys           uint64
	unmet          bool    // a buyer found too little since the last lease call
	largestUnmet   uint64  // the largest recent buy that found too little, in units
	backoffUntil   Instant // until then, after a give-back, leases are no larger than buyers need at once
	nextFragmented Instant // when scattered units may be given back again
}

// leasing is the lease calls.
type leasing struct {
	call
	request  uint64        // number of the newest
	forBuyer bool          // the call under way is for a buyer that waits
	retry    time.Duration // pause after a call in vain
}

// polling is the renewals. They are looks at the sale, too.
type polling struct {
	call
	asked Instant       // when the newest look was sent; buys is the answered buys then
	buys  uint64        //
	took  time.Duration // how long the newest look took
	news  bool          // something has changed since the newest look was sent
	dozed bool          // the newest look left the Keeper dozing
}

// claims is the sold units that the ledger does not know yet.
type claims struct {
	call
	batch  []ledger.Claim        // under way, or to be sent again
	number uint64                // number of the batch
	offers []*offering           // offers read with the batch
	key    ledger.IdempotencyKey // the key read last, of the offer that follows
	unread bool                  // the Ring has more
	since  Instant               // when the oldest unread claim was first seen
	first  Instant               // the same of the batch and its offers
	more   bool                  // the last batch left claims behind
}

// returns is the units to give back.
type returns struct {
	call
	parts []ledger.Part
	sent  int // how many of the parts are under way
}

// recovery is what a new era demands.
type recovery struct {
	call
	asserted    uint64        // the era in which the ledger has answered a re-assertion
	assertedAt  Instant       // when that answer came
	begun       uint64        // the newest era with a re-assertion begun, 0: none; answers of an older era widen nothing
	lastApplied uint64        // the rev of the newest answer of the asserted era that was acted on
	latest      int64         // the latest ledger time in any answer
	owes        bool          // the Keeper rests, and a look that news asked for has failed
	excess      []ledger.Part // units that a ledger with lost history has in our leases, and we have not: to be given back
	lossy       bool          // the recovery is long, because history is lost
	absent      bool          // a server of another history does not know the sale
	absentAt    Instant       // since when it does not
}

// withdrawal is serials that left the Stock because their lease lapsed. A taker may still have one in hand.
type withdrawal struct {
	at     Instant
	ranges ledger.Ranges
}

// holding is one of our leases, and the part of it that the ledger does not know yet.
type holding struct {
	*Lease
	ranges  ledger.Ranges   // ranges as granted
	rest    ledger.RangeSet // neither settled nor given back
	parked  ledger.Ranges   // out of the Stock, because the term is over; it may still be renewed
	lapsed  bool
	req     uint64 // the request that it was granted to
	doubted bool   // a taker dropped a serial of it in doubt: it must run out
}
