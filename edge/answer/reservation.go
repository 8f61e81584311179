package answer

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"spike/edge/buy"
	"spike/edge/sales"
	"spike/luascripts/ledger"
)

// Reservation is what the bearer of a token may know about its reservation.
type Reservation struct {
	Sale      string     `json:"sale"`
	Serial    uint32     `json:"serial,omitempty"`
	Count     uint32     `json:"count,omitempty"` // number of consecutive serials, if there are several
	ID        string     `json:"reservation,omitempty"`
	State     string     `json:"state"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"` // while pending, if the sale has a hold
	Left      int64      `json:"expires_in_ms,omitempty"`
	Order     *Order     `json:"order,omitempty"`

	// Of a buyer's own reservation, and of the one that a ticket has won.
	Token string `json:"token,omitempty"`

	// Of a ticket, which the API calls `claim`.
	Claim   string     `json:"claim,omitempty"` // while waiting
	DrawsAt *time.Time `json:"draws_at,omitempty"`
	Lot     string     `json:"lot,omitempty"`    // of a ticket without a reservation: lost or uncollected
	Detail  string     `json:"detail,omitempty"` // the same in words

	Clock string `json:"server_time,omitempty"` // the store's clock, where something has an end
}

// Order says how far the order workers have come with a reservation.
type Order struct {
	State string `json:"state"` // queued or stored
}

// Described is a reservation without its times.
func Described(sale string, birth uint64, c ledger.Claim, life ledger.Life) Reservation {
	r := Reservation{Sale: sale, Serial: c.Serial, ID: c.Reservation(birth), State: life.String()}
	if c.Count > 1 {
		r.Count = c.Count
	}
	return r
}

// Stored is how far the order workers have come.
func Stored(yes bool) *Order {
	if yes {
		return &Order{State: "stored"}
	}
	return &Order{State: "queued"}
}

// Reply is the answer.
func (r Reservation) Reply() Reply {
	body, _ := json.Marshal(r) // strings, numbers and a time of this century: cannot fail
	return Reply{Status: http.StatusOK, Kind: jsonType, Body: body}
}

// Ends says when a pending reservation ends. Both times are the store's clock, Unix microseconds; until is 0 for never.
func (r *Reservation) Ends(now, until int64) {
	if r.ExpiresAt = sales.UnixTime(until - until%1e6); r.ExpiresAt != nil {
		r.Left, r.Clock = millisecondsUntil(now, until), clock(now)
	}
}

// clock is a time of the store's clock as answers say it.
func clock(now int64) string { return time.UnixMicro(now).UTC().Format(clockFormat) }

// Own answers a buyer who asks for its own reservations.
func Own(list []Reservation) Reply {
	body, _ := json.Marshal(struct {
		Reservations []Reservation `json:"reservations"`
	}{list}) // as in Reply
	return Reply{Status: http.StatusOK, Kind: jsonType, Body: body}
}

// Already answers a request that comes too late for its reservation.
func (r Reservation) Already() error {
	return NewProblem(http.StatusConflict, "already_"+r.State, "the reservation is "+r.State+" already")
}

var over = map[buy.Fate]Reservation{
	buy.Lost: {State: "lost", Lot: "lost", Detail: "the lot has not won; what is left goes to whoever comes first"},
	buy.Expired: {State: "expired", Lot: "uncollected",
		Detail: "the lot has won, and its unit was not collected in time; what is left goes to whoever comes first"},
}

// TicketOver answers for a ticket that has lost, or whose unit was not collected in time.
func TicketOver(sale string, fate buy.Fate) Reply {
	r := over[fate]
	r.Sale = sale
	return r.Reply()
}

// TicketWaits says that the draw is still to come, or that a paused sale must go on before the buyer can collect. now and draws
// are times of the store's clock, in microseconds.
func (s Spread) TicketWaits(sale, ticket string, now, draws int64) Reply {
	at := time.UnixMicro(draws).UTC()
	r := Reservation{Sale: sale, State: "waiting", Claim: ticket, DrawsAt: &at, Clock: clock(now)}.Reply()
	r.Status, r.Retry = http.StatusAccepted, fmt.Append(nil, secondsUntil(now, draws)+s.later())
	return r
}
