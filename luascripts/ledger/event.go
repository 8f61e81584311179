package ledger

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"
)

// EventKind is what happened to the owner of serials.
type EventKind string

// The events of a sale's stream. The last three have put their units back on sale.
const (
	Reserved  EventKind = "reserved"
	Prolonged EventKind = "prolonged" // the claims have the new ends of their holds
	Confirmed EventKind = "confirmed"
	Cancelled EventKind = "cancelled"
	Expired   EventKind = "expired"
	Refunded  EventKind = "refunded"
)

// Restocks says whether an event of this kind has put its units back on sale.
func (k EventKind) Restocks() bool { return k == Cancelled || k == Expired || k == Refunded }

// Known says whether scripts write events of this kind.
func (k EventKind) Known() bool {
	return k == Reserved || k == Prolonged || k == Confirmed || k.Restocks()
}

// Event is one entry of a sale's stream. It has one script's changes of one kind, and that script wrote it.
type Event struct {
	ID     string // the stream's own
	Number uint64 // 1, 2, 3 ... within the sale
	Kind   EventKind
	Birth  uint64
	At     int64   // ledger time, microseconds
	Raw    int64   // the store's clock then, Unix microseconds
	Claims []Claim // the claims whose owner changed
}

// Events is how order workers read a sale's stream. They are consumers of a group, which is made at the first read and begins
// at the start of the stream. An event is given to one consumer until it is acknowledged or taken over.
type Events interface {
	// ReadEvents gives up to count events that no consumer of the group has had. If there are none, it returns an empty slice
	// at once. An entry that no script wrote comes as an event of unknown kind.
	ReadEvents(ctx context.Context, sale string, g Group, count int) ([]Event, error)
	// TakeOver gives up to count events that a consumer has had for longer than idle without an acknowledgement. The caller
	// may be that consumer.
	TakeOver(ctx context.Context, sale string, g Group, idle time.Duration, count int) ([]Event, error)
	// AckEvents says that these events are stored.
	AckEvents(ctx context.Context, sale string, g Group, ids []string) error
	// TrimEvents drops what every group of the stream has acknowledged, and nothing while there is no group. It forgets
	// consumers that have nothing in hand and were silent for an hour.
	TrimEvents(ctx context.Context, sale string) error
	// EventLag is how far the group is behind.
	EventLag(ctx context.Context, sale string, g Group) (Lag, error)
	// EventsStored is the newest event of which it is certain that the group has acknowledged this event and all before it.
	EventsStored(ctx context.Context, sale string, g Group) (Stored, error)
	// BindGroup binds a group, in all sales, to a database, and returns its binding after the call. The group becomes the
	// caller's if it was nobody's or the caller's own; with take, always. If the same database in another place has the
	// group, one of the two is a copy: the group becomes the caller's if that place has not called since it was seen with
	// b.Beats.
	BindGroup(ctx context.Context, group string, b Binding, take bool) (Binding, error)
}

// Binding is the database that a group belongs to.
type Binding struct {
	ID    string // an id that the database carries
	Place string // where the database is: a copy has the same id in another place
	Name  string // for people
	Beats uint64 // how many calls from there have claimed the group
}

// Stored is how far a group has acknowledged a sale's events.
type Stored struct {
	Birth  uint64
	Number uint64 // 0: nothing, or unknown
}

// Group names a consumer, and the group that it belongs to.
type Group struct{ Name, Consumer string }

// OrdersGroup is the group of `spike orders`: what it has acknowledged is in the orders.
const OrdersGroup = "orders"

// Lag is what a group has not acknowledged.
type Lag struct {
	Unread  uint64        // given to no consumer yet
	Pending uint64        // given, and not acknowledged
	Oldest  time.Duration // age of the oldest event that is not acknowledged; 0: there is none
}

// ParseClaims reads claims in their wire form.
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
