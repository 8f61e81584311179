package allotment

import (
	"time"

	"spike/luascripts"
)

// What a Keeper knows, by what it is for.

// call is one kind of call to the ledger. At most one is under way.
type call struct {
	busy bool    // one is
	due  Instant // the next one, at the earliest
}

func (c *call) ready(now Instant) bool { return !c.busy && !now.Before(c.due) }

// view is the sale as of the newest answer, and why buyers hear "no".
type view struct {
	luascripts.Head
	seen      Instant // when that answer came
	known     bool    // there was one
	exhausted bool    // the newest lease call brought nothing, and nothing was free
	down      bool    // the newest call was not answered
	downWhy   string  // and why, when it last was not
	refused   string  // why the ledger grants nothing
}

// demand is what buyers want here.
type demand struct {
	rate           rate
	lastBuy        Instant
	buys           uint64
	unmet          bool    // a buyer found too little since the last lease call
	largestUnmet   uint64  // units that one buyer asked for in vain, of late
	backoffUntil   Instant // until then, having given units back, we lease no more than buyers need at once
	nextFragmented Instant // when units that lie too scattered may be given back again
}

// leasing is the lease calls.
type leasing struct {
	call
	request  uint64        // of the newest
	forBuyer bool          // the one under way was made for a buyer who waits
	retry    time.Duration // to the next, after one in vain
}

// polling is the renewals. They are looks at the sale, too.
type polling struct {
	call
	asked Instant       // when the newest was, and how many buys had been answered then
	buys  uint64        //
	took  time.Duration // the newest
	news  bool          // something has changed since the newest was asked for
	dozed bool          // the newest left us dozing
}

// claims is what was sold and the ledger does not know.
type claims struct {
	call
	batch  []luascripts.Claim        // under way, or to be sent again
	number uint64                    // of the batch
	offers []*offering               // read with it
	key    luascripts.IdempotencyKey // read last, of the offer that follows
	unread bool                      // the Ring has more
	since  Instant                   // when the oldest unread claim was first seen
	more   bool                      // the last batch left claims behind
}

// returns is what is to be given back.
type returns struct {
	call
	parts []luascripts.Part
	sent  int // how many of them are under way
}

// recovery is what a new era asks of us.
type recovery struct {
	call
	asserted    uint64            // the era in which the ledger has heard what we hold
	assertedAt  Instant           // when it was answered
	begun       uint64            // the newest era in which we began to tell it, 0: none; answers of an older one widen nothing
	lastApplied uint64            // the rev of the newest answer of the asserted era that we have acted on
	latest      int64             // ledger time in any answer
	owes        bool              // resting, and a look that news asked for has failed
	excess      []luascripts.Part // what a ledger that lost history has in our leases, and we have not: to be given back
	lossy       bool              // the recovery under way is long: sales are lost
	absent      bool              // a server of another history does not know the sale
	absentAt    Instant           // since then
}

// withdrawal is serials that left the Stock because their lease lapsed: a taker may still have one in hand.
type withdrawal struct {
	at     Instant
	ranges luascripts.Ranges
}

// holding is a lease of ours, and what of it the ledger does not know yet.
type holding struct {
	*Lease
	ranges  luascripts.Ranges   // as granted
	rest    luascripts.RangeSet // neither settled nor given back
	parked  luascripts.Ranges   // out of the Stock, because the term is over and may yet be renewed
	lapsed  bool
	req     uint64 // the request it was granted to
	doubted bool   // a serial of it was dropped by a taker: let it run out
}
