package ledger

import "time"

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
