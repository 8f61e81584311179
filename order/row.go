package order

import (
	"cmp"
	"slices"
	"time"
)

// Key identifies a row. A serial that came back and is sold again has another fence, so another row.
type Key struct {
	Sale   string
	Birth  int64
	Serial int64
	Fence  int64
}

// Row is one serial of a reservation, as far as events have told. Absent times are nil.
type Row struct {
	Key
	Nonce       int64
	FirstSerial int64 // first serial of the reservation; of a part of it until "reserved" has come
	Units       int64
	Buyer       *string // hex of the buyer's hash; nil: anonymous
	State       State
	ExpiresAt   *time.Time // nil: the sale has no hold, or "reserved" has not come yet
	ReservedAt  *time.Time
	ConfirmedAt *time.Time
	ReleasedAt  *time.Time
}

// Merge is the row after two events; the SQL of both databases says the same. The state is a maximum, ExpiresAt is the latest,
// because a hold may be prolonged, and each other time is the earliest. All are commutative, associative and idempotent. The
// other columns are what the last "reserved" said, because other events may be about a part of the reservation only. Before a
// "reserved" has come they are what the first event said. A key has one "reserved", which says the same each time. So these
// columns do not depend on the order either.
func (r Row) Merge(heard Row) Row {
	out := r
	if heard.ReservedAt != nil {
		out = heard
	}
	out.State = Merge(r.State, heard.State)
	out.ExpiresAt = later(r.ExpiresAt, heard.ExpiresAt)
	out.ReservedAt = earlier(r.ReservedAt, heard.ReservedAt)
	out.ConfirmedAt = earlier(r.ConfirmedAt, heard.ConfirmedAt)
	out.ReleasedAt = earlier(r.ReleasedAt, heard.ReleasedAt)
	return out
}

func earlier(a, b *time.Time) *time.Time {
	if a == nil || b != nil && b.Before(*a) {
		return b
	}
	return a
}

func later(a, b *time.Time) *time.Time {
	if a == nil || b != nil && b.After(*a) {
		return b
	}
	return a
}

// mergeRows makes one row for each key, in the order of the keys. A statement may meet a row only once. Two workers that write
// the same rows in the same order never wait for each other in a circle.
func mergeRows(rows []Row) []Row {
	slices.SortStableFunc(rows, func(a, b Row) int { return a.compare(b.Key) })
	out := rows[:0]
	for _, r := range rows {
		if n := len(out); n > 0 && out[n-1].Key == r.Key {
			out[n-1] = out[n-1].Merge(r)
		} else {
			out = append(out, r)
		}
	}
	return out
}

func (k Key) compare(b Key) int {
	return cmp.Or(cmp.Compare(k.Sale, b.Sale), cmp.Compare(k.Birth, b.Birth), cmp.Compare(k.Serial, b.Serial),
		cmp.Compare(k.Fence, b.Fence))
}
