package ledger

import "time"

// Witness is an answer that the caller has had, and for how long, by a monotonic clock. Rev 0: none.
type Witness struct {
	Era, Rev uint64
	Now, Raw int64
	Ago      time.Duration
}

// Seen is a witness of this answer.
func (h Head) Seen(ago time.Duration) Witness { return Witness{h.Era, h.Rev, h.Now, h.Raw, ago} }

// TendRequest lets ledger time pass as far as the caller has lived through it, and ends what is over, looking at up to about
// Most items.
type TendRequest struct {
	Birth uint64 // of the sale the caller believes in; 0: any
	Most  int
	Witness
}

// TendReply says how many units went free, and at which ledger time a hold may be over, or a recovery is; 0: at none.
// Leases end as well: who sees some in Head comes sooner.
type TendReply struct {
	Head
	Freed uint64
	Next  int64
}

// Until is how long it takes until there is more to do; 0: there is nothing.
func (r TendReply) Until() time.Duration {
	if r.Next == 0 {
		return 0
	}
	return max(time.Duration(r.Next-r.Now)*time.Microsecond, time.Microsecond)
}
