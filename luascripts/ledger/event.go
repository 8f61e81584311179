package ledger

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"
)

// EventKind is what happened to the owner of serials.
type EventKind string

// The events of a sale's stream. The last two have put their units back on sale.
const (
	Reserved  EventKind = "reserved"
	Confirmed EventKind = "confirmed"
	Cancelled EventKind = "cancelled"
	Expired   EventKind = "expired"
)

// Known says that a script writes such events.
func (k EventKind) Known() bool {
	return k == Reserved || k == Confirmed || k == Cancelled || k == Expired
}

// Event is one entry of a sale's stream: a script's changes of one kind, written in that very script.
type Event struct {
	ID     string // the stream's own
	Number uint64 // 1, 2, 3 ... within the sale
	Kind   EventKind
	Birth  uint64
	At     int64   // ledger time, microseconds
	Raw    int64   // the store's clock then, Unix microseconds
	Claims []Claim // whose
}

// Events is how order workers read a sale's stream: as consumers of a group that is made at the first read, from the
// stream's beginning. An event is given to one consumer, until it is acknowledged or taken over.
type Events interface {
	// ReadEvents gives up to count events that no consumer of the group has had; none: an empty slice, at once. An
	// entry that no script wrote comes as an event of unknown kind.
	ReadEvents(ctx context.Context, sale string, g Group, count int) ([]Event, error)
	// TakeOver gives up to count events that a consumer has had for longer than idle without acknowledging them; the
	// caller may be that consumer.
	TakeOver(ctx context.Context, sale string, g Group, idle time.Duration, count int) ([]Event, error)
	// AckEvents says that these are stored.
	AckEvents(ctx context.Context, sale string, g Group, ids []string) error
	// TrimEvents drops what every group of the stream has acknowledged, and nothing while there is no group. It forgets
	// consumers that have nothing in hand and have been silent for an hour.
	TrimEvents(ctx context.Context, sale string) error
	// EventLag is how far the group is behind.
	EventLag(ctx context.Context, sale string, g Group) (Lag, error)
	// EventsStored is an event that the group has acknowledged, with all before it: the newest of which that is sure.
	EventsStored(ctx context.Context, sale string, g Group) (Stored, error)
	// BindGroup says that a group, of all sales, belongs to a database, and answers whose it is then. It becomes the caller's
	// where it was nobody's or its own; take: whoever's it was. Where the same database in another place has it (one of them
	// is a copy), it becomes the caller's if there was no call from there since that was seen with b.Beats.
	BindGroup(ctx context.Context, group string, b Binding, take bool) (Binding, error)
}

// Binding is a database that a group belongs to.
type Binding struct {
	ID    string // it carries it
	Place string // where it is: a copy has the same id
	Name  string // for people
	Beats uint64 // how often it said so
}

// Stored is how far a group has acknowledged a sale's events.
type Stored struct {
	Birth  uint64
	Number uint64 // 0: nothing, or unknown
}

// Group is a consumer of a group of consumers.
type Group struct{ Name, Consumer string }

// OrdersGroup is the group of `spike orders`; how far it has come is how far orders are.
const OrdersGroup = "orders"

// Lag is what a group has not acknowledged.
type Lag struct {
	Unread  uint64        // given to nobody yet
	Pending uint64        // given, not acknowledged
	Oldest  time.Duration // age of the oldest of all these; 0: there is none
}

// ParseClaims reads claims in wire form.
func ParseClaims(block []byte) ([]Claim, error) {
	if len(block)%ClaimSize != 0 {
		return nil, fmt.Errorf("%d bytes are no claims", len(block))
	}
	claims := make([]Claim, 0, len(block)/ClaimSize)
	for ; len(block) > 0; block = block[ClaimSize:] {
		c := Claim{Serial: binary.BigEndian.Uint32(block), Count: binary.BigEndian.Uint32(block[4:]),
			Fence: binary.BigEndian.Uint64(block[8:]), Nonce: binary.BigEndian.Uint64(block[16:]),
			Expiry: int64(binary.BigEndian.Uint64(block[24:]))}
		copy(c.Buyer[:], block[32:])
		claims = append(claims, c)
	}
	return claims, nil
}
