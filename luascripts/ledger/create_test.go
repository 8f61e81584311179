package ledger

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// Each bound of a new sale: the first value that is refused, and the last one that is not.
func TestNewSaleIsValidated(t *testing.T) {
	now := time.Date(2026, 11, 30, 20, 0, 0, 0, time.UTC)
	seed := strings.Repeat("5e", 16)
	for _, c := range []struct {
		field, why string
		change     func(q *CreateRequest)
	}{
		{"", "", func(*CreateRequest) {}},
		{"total", "1 to 4294967294", func(q *CreateRequest) { q.Total = 0 }},
		{"total", "1 to 4294967294", func(q *CreateRequest) { q.Total = MaxSerial + 1 }},
		{"", "", func(q *CreateRequest) { q.Total, q.Hold, q.Limit = MaxSerial, MaxHold, MaxLimit }},
		{"", "", func(q *CreateRequest) { q.Hold = 0 }},
		{"hold", "0s, or 1s to 720h0m0s", func(q *CreateRequest) { q.Hold = -1 }},
		{"hold", "0s, or 1s to 720h0m0s", func(q *CreateRequest) { q.Hold = time.Second - 1 }},
		{"hold", "0s, or 1s to 720h0m0s", func(q *CreateRequest) { q.Hold = MaxHold + 1 }},
		{"limit_per_buyer", "0 to 100", func(q *CreateRequest) { q.Limit = MaxLimit + 1 }},
		{"closes", "is over already", func(q *CreateRequest) { q.Closes = now }},
		{"", "", func(q *CreateRequest) { q.Closes = now.Add(1) }},
		{"closes", "must be after opens, and the lots' window", func(q *CreateRequest) { q.Opens, q.Closes = now.Add(5), now.Add(5) }},
		{"closes", "must be after opens, and the lots' window", func(q *CreateRequest) {
			q.Shuffle, q.Closes = time.Second, now.Add(time.Second)
		}},
		{"shuffle", "100ms to 1h0m0s", func(q *CreateRequest) { q.Shuffle = MinShuffle - 1 }},
		{"shuffle", "100ms to 1h0m0s", func(q *CreateRequest) { q.Shuffle = MaxShuffle + 1 }},
		{"shuffle", "100ms to 1h0m0s", func(q *CreateRequest) { q.Shuffle = -1 }},
		{"shuffle", "its window is over already", func(q *CreateRequest) { q.Shuffle, q.Opens = time.Second, now.Add(-time.Second-1) }},
		{"", "", func(q *CreateRequest) { q.Shuffle, q.Opens = time.Second, now.Add(-time.Second) }},
		{"shuffle_seed", "goes with shuffle", func(q *CreateRequest) { q.Seed = seed }},
		{"shuffle_seed", "32 to 128 hex digits, in small letters", func(q *CreateRequest) {
			q.Shuffle, q.Seed = time.Second, "5E"+seed
		}},
		{"", "", func(q *CreateRequest) { q.Shuffle, q.Seed = time.Second, seed }},
	} {
		q := CreateRequest{Total: 1, Hold: time.Second}
		c.change(&q)
		var got Invalid
		var invalid *Invalid
		if err := q.Validate(now); errors.As(err, &invalid) {
			got = *invalid
		} else if err != nil {
			t.Fatal(err)
		}
		if got != (Invalid{c.field, c.why}) {
			t.Errorf("%+v: %+v, not %s: %s", q, got, c.field, c.why)
		}
	}
}
