package ledger

import "time"

// Witness is an answer that the caller got, and how long ago, by a monotonic clock. Rev 0: there is none.
type Witness struct {
	Era, Rev uint64
	Now, Raw int64
	Ago      time.Duration
}

// Seen is the witness of this answer.
func (h Head) Seen(ago time.Duration) Witness { return Witness{h.Era, h.Rev, h.Now, h.Raw, ago} }

// TendRequest moves ledger time on by as much as the caller has lived through. It ends what is over, and reads up to about
// Most items.
type TendRequest struct {
	Birth uint64 // of the sale that the caller believes in; 0: any
	Most  int
	Witness
}

// TendReply says how many units went free, and the ledger time at which the next hold or a recovery may be over; 0: never.
// Leases end too: a caller that sees leased units in Head must come sooner.
type TendReply struct {
	Head
	Freed uint64
	Next  int64
}

// Until is how long it takes until there is more to do; 0: there is nothing more to do.
func (r TendReply) Until() time.Duration {
	if r.Next == 0 {
		return 0
	}
	return max(time.Duration(r.Next-r.Now)*time.Microsecond, time.Microsecond)
}
