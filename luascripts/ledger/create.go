package ledger

import (
	"fmt"
	"time"
)

// CreateRequest is a new sale.
type CreateRequest struct {
	Total  uint64
	Hold   time.Duration // 0: sold is sold
	Limit  uint32        // units per buyer, at most MaxLimit; 0: no limit
	Opens  time.Time     // zero: no such time
	Closes time.Time

	Shuffle time.Duration // how long, from Opens or now on, buyers enter a draw of the units; 0: first come, first served
	Seed    string        // of the draw, in the form that CheckSeed takes; "": a random one
}

// Micro is a time in the ledger's form, Unix microseconds; 0: none.
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

// Invalid is a field of a new sale that makes no sense. The API and the flags of `spike sale create` name it alike.
type Invalid struct{ Field, Why string }

func (i *Invalid) Error() string { return i.Field + ": " + i.Why }

// Validate returns nil or an *Invalid. The maker of a sale must call it first: a store refuses only a sale that it cannot
// keep.
func (q CreateRequest) Validate(now time.Time) error {
	ends := WindowEnds(q.Opens, q.Shuffle, now)
	return first([]check{
		{q.Total < 1 || q.Total > MaxSerial, "total", fmt.Sprintf("1 to %d", uint64(MaxSerial))},
		holdCheck(q.Hold), limitCheck(q.Limit),
		{!q.Closes.IsZero() && !q.Closes.After(now), "closes", "is over already"},
		{!q.Closes.IsZero() && !q.Closes.After(ends), "closes", "must be after opens, and the lots' window"},
		{q.Shuffle != 0 && (q.Shuffle < MinShuffle || q.Shuffle > MaxShuffle), "shuffle",
			fmt.Sprintf("%v to %v", MinShuffle, MaxShuffle)},
		{q.Shuffle > 0 && !q.Opens.IsZero() && q.Opens.Add(q.Shuffle).Before(now), "shuffle", "its window is over already"},
		{q.Seed != "" && q.Shuffle == 0, "shuffle_seed", "goes with shuffle"},
		{q.Seed != "" && CheckSeed(q.Seed) != nil, "shuffle_seed", "32 to 128 hex digits, in small letters"},
	})
}

// check is what may be wrong with a field.
type check struct {
	wrong      bool
	field, why string
}

func holdCheck(hold time.Duration) check {
	return check{hold < 0 || hold > 0 && hold < time.Second || hold > MaxHold, "hold", fmt.Sprintf("0s, or 1s to %v", MaxHold)}
}

func limitCheck(limit uint32) check {
	return check{limit > MaxLimit, "limit_per_buyer", fmt.Sprintf("0 to %d", MaxLimit)}
}

// first is the first field that is wrong, or nil.
func first(checks []check) error {
	for _, c := range checks {
		if c.wrong {
			return &Invalid{c.field, c.why}
		}
	}
	return nil
}
