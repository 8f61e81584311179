package order

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"spike/luascripts/ledger"
)

// Entry is what a batch of events writes in one transaction.
type Entry struct {
	Rows       []Row
	Deliveries []Delivery
	Parked     []ParkedEvent
	Orders     []Order   // what the rows are made of
	Refused    []Refused // orders that the database refused, for people to look at
	Again      []Order   // orders that were parked until now
}

// Order is what one event says about one reservation, or about a part of it.
type Order struct {
	Sale  string
	Event ledger.Event // with one claim
	Held  bool         // the sale of the event's birth has a hold
}

// Refused is a parked order: later events of its reservation wait behind it.
type Refused struct {
	Order
	Why string
}

func (o Order) claim() ledger.Claim { return o.Event.Claims[0] }

// text is the event in a form that readOrder can read.
func (o Order) text() string {
	text, _ := json.Marshal(o.Event) // plain fields: this cannot fail
	return string(text)
}

// readOrder is the reverse of text.
func readOrder(sale string, held bool, text string) (Order, error) {
	o := Order{Sale: sale, Held: held}
	if err := json.Unmarshal([]byte(text), &o.Event); err != nil {
		return o, fmt.Errorf("%w: %w", errEvent, err)
	}
	if err := check(o.Event); err != nil {
		return o, err
	}
	if len(o.Event.Claims) != 1 {
		return o, fmt.Errorf("%w: %d claims", errEvent, len(o.Event.Claims))
	}
	return o, nil
}

// ParkedEvent is an event that makes no sense, kept for people to look at.
type ParkedEvent struct {
	Sale  string
	ID    string
	Why   string
	Event string // JSON, as far as it could be read
}

// Limits of what an event may say. The ledger stays far below them, so an event beyond them is broken.
const (
	maxExact = 1 << 53   // the largest integer that Lua's numbers hold exactly; as a time, the year 2255
	maxUnits = 1 << 10   // in one claim: a buy has at most 100
	maxRows  = 100 << 10 // in one event
)

var errEvent = errors.New("event makes no sense")

// addEvent adds the orders of an event. held says that the sale of its birth has a hold. An event that makes no sense is parked.
func (e *Entry) addEvent(sale string, ev ledger.Event, held, tell bool) error {
	err := check(ev)
	if err != nil {
		text, _ := json.Marshal(ev) // plain fields: this cannot fail
		e.Parked = append(e.Parked, ParkedEvent{Sale: sale, ID: ev.ID, Why: err.Error(), Event: string(text)})
		return err
	}
	for i := range ev.Claims {
		one := ev
		one.Claims = ev.Claims[i : i+1 : i+1]
		e.addOrder(Order{Sale: sale, Event: one, Held: held}, tell)
	}
	return nil
}

// addOrder adds what one order writes.
func (e *Entry) addOrder(o Order, tell bool) {
	e.Orders = append(e.Orders, o)
	e.Rows = append(e.Rows, rowsOf(o.Sale, o.Event, o.claim(), o.Held)...)
	if tell {
		e.Deliveries = append(e.Deliveries, message(o.Sale, o.Event, o.claim(), o.Held))
	}
}

func check(ev ledger.Event) error {
	switch _, known := after[ev.Kind]; {
	case !known:
		return fmt.Errorf("%w: unknown kind %q", errEvent, ev.Kind)
	case ev.Birth == 0 || ev.Birth >= maxExact:
		return fmt.Errorf("%w: birth %d", errEvent, ev.Birth)
	case ev.Raw <= 0 || ev.Raw >= maxExact || ev.At <= 0 || ev.At >= maxExact:
		return fmt.Errorf("%w: times %d, %d", errEvent, ev.Raw, ev.At)
	case len(ev.Claims) == 0:
		return fmt.Errorf("%w: no claims", errEvent)
	}
	rows := 0
	for _, c := range ev.Claims {
		if c.Serial == 0 || c.Count == 0 || c.Count > maxUnits || uint64(c.Serial)+uint64(c.Count) > ledger.MaxSerial+1 ||
			c.Fence == 0 || c.Fence >= maxExact || c.Nonce > maxExact || c.Expiry < 0 || c.Expiry >= maxExact {
			return fmt.Errorf("%w: claim %d+%d under fence %d, nonce %d, until %d", errEvent, c.Serial, c.Count, c.Fence,
				c.Nonce, c.Expiry)
		}
		rows += int(c.Count)
	}
	if rows > maxRows {
		return fmt.Errorf("%w: %d units", errEvent, rows)
	}
	return nil
}

func rowsOf(sale string, ev ledger.Event, c ledger.Claim, held bool) []Row {
	r := Row{Key: Key{Sale: sale, Birth: int64(ev.Birth), Fence: int64(c.Fence)}, Nonce: int64(c.Nonce),
		FirstSerial: int64(c.Serial), Units: int64(c.Count), Buyer: buyerOf(c), State: after[ev.Kind]}
	if ev.Kind == ledger.Reserved || ev.Kind == ledger.Prolonged {
		r.ExpiresAt = holdEnd(ev, c, held)
	}
	at := wall(ev.Raw)
	switch {
	case ev.Kind == ledger.Reserved:
		r.ReservedAt = &at
	case ev.Kind == ledger.Confirmed:
		r.ConfirmedAt = &at
	case ev.Kind.Restocks():
		r.ReleasedAt = &at
	}
	rows := make([]Row, c.Count)
	for i := range rows {
		rows[i] = r
		rows[i].Serial = int64(c.Serial) + int64(i)
	}
	return rows
}

func wall(us int64) time.Time { return time.UnixMicro(us).UTC() }

// holdEnd is the end of the hold by the wall clock; nil: never. In a sale without a hold, a claim's expiry only limits its
// settling.
func holdEnd(ev ledger.Event, c ledger.Claim, held bool) *time.Time {
	if !held || c.Expiry == 0 {
		return nil
	}
	at := wall(ev.Raw + c.Expiry - ev.At)
	return &at
}

func buyerOf(c ledger.Claim) *string {
	if c.Buyer == (ledger.Buyer{}) {
		return nil
	}
	text := hex.EncodeToString(c.Buyer[:])
	return &text
}
