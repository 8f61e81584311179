package order

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"time"

	"spike/luascripts/ledger"
)

// Delivery is a webhook message and its progress.
type Delivery struct {
	ID       string // the webhook-id: it follows from the content, so it is the same whenever it is sent
	Sale     string
	Type     string // reserved, prolonged, confirmed, released
	Number   int64  // of the event, within the sale
	Body     string // exactly these bytes are signed and sent
	At       time.Time
	State    string // due, delivered, parked
	Attempts int
	NextAt   time.Time
	Error    string // of the last attempt
}

// The states of a delivery.
const (
	Due       = "due"
	Delivered = "delivered"
	Parked    = "parked" // after maxAttempts; `UPDATE deliveries SET state = 'due', attempts = 0` has them tried again
)

type payload struct {
	Type      string      `json:"type"`
	Timestamp string      `json:"timestamp"`
	Data      messageData `json:"data"`
}

type messageData struct {
	Sale        string   `json:"sale"`
	Reservation string   `json:"reservation"`
	Serial      uint32   `json:"serial"`
	Units       uint32   `json:"units"`
	Serials     []uint32 `json:"serials,omitempty"` // where units > 1
	Buyer       *string  `json:"buyer"`             // null: anonymous
	ExpiresAt   string   `json:"expires_at,omitempty"`
	Reason      string   `json:"reason,omitempty"` // of released: cancelled, expired or refunded
}

// message is the message about one claim of an event.
func message(sale string, ev ledger.Event, c ledger.Claim, held bool) Delivery {
	p := payload{Type: string(ev.Kind), Timestamp: stamp(wall(ev.Raw)), Data: messageData{Sale: sale,
		Reservation: c.Reservation(ev.Birth), Serial: c.Serial, Units: c.Count, Buyer: buyerOf(c)}}
	about := []uint64{ev.Birth, c.Fence, c.Nonce, uint64(c.Serial)}
	if at := holdEnd(ev, c, held); at != nil && (ev.Kind == ledger.Reserved || ev.Kind == ledger.Prolonged) {
		p.Data.ExpiresAt = stamp(*at)
	}
	if ev.Kind == ledger.Prolonged { // a hold may be prolonged more than once
		about = append(about, uint64(c.Expiry))
	}
	if ev.Kind.Restocks() {
		p.Type, p.Data.Reason = "released", string(ev.Kind)
	}
	for s := c.Serial; c.Count > 1 && s < c.Serial+c.Count; s++ {
		p.Data.Serials = append(p.Data.Serials, s)
	}
	body, _ := json.Marshal(p) // plain fields: this cannot fail
	return Delivery{ID: "msg_" + digest(sale, string(ev.Kind), about...), Sale: sale,
		Type: p.Type, Number: int64(ev.Number), Body: string(body), At: wall(ev.Raw), State: Due}
}

func stamp(t time.Time) string { return t.Format("2006-01-02T15:04:05.000000Z") }

// digest is 128 bits of a hash. Names and kinds have no zero byte, so no two inputs look the same.
func digest(sale, kind string, numbers ...uint64) string {
	b := append([]byte(sale), 0)
	b = append(append(b, kind...), 0)
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}
