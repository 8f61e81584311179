package answer

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Reservation is what a token's bearer may know of it.
type Reservation struct {
	Sale      string     `json:"sale"`
	Serial    uint32     `json:"serial,omitempty"`
	Count     uint32     `json:"count,omitempty"` // of consecutive serials, where there are several
	State     string     `json:"state"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"` // while pending, where the sale has a hold
	Order     *Order     `json:"order,omitempty"`

	// Of a ticket, called `claim`.
	Token   string     `json:"token,omitempty"` // of the reservation it came to
	Claim   string     `json:"claim,omitempty"` // while waiting
	DrawsAt *time.Time `json:"draws_at,omitempty"`
	Detail  string     `json:"detail,omitempty"`
}

// Order says how far the order workers have come with a reservation.
type Order struct {
	State string `json:"state"` // queued or stored
}

// Reply is the answer.
func (r Reservation) Reply() Reply {
	body, _ := json.Marshal(r) // strings, numbers and a time of this century: cannot fail
	return Reply{Status: http.StatusOK, Kind: jsonType, Body: body}
}

// Already answers who wants of a reservation what is too late.
func (r Reservation) Already() Reply {
	return NewProblem(http.StatusConflict, "already_"+r.State, "the reservation is "+r.State+" already").Reply()
}

// Buyers whose tickets lost are told what is still to be had.
const (
	ticketLost    = "the lot has not won; what is left goes to whoever comes first"
	ticketExpired = "the lot has won, and its unit was not collected in time; what is left goes to whoever comes first"
)

// TicketLost and TicketExpired answer who holds a ticket that came to nothing.
func TicketLost(sale string) Reply {
	return Reservation{Sale: sale, State: "lost", Detail: ticketLost}.Reply()
}

// TicketExpired is TicketLost for one that had won.
func TicketExpired(sale string) Reply {
	return Reservation{Sale: sale, State: "expired", Detail: ticketExpired}.Reply()
}

// TicketWaits says that the draw is still to come, or, of a paused sale, the collecting. Times are the store's.
func TicketWaits(sale, ticket string, now, draws int64) Reply {
	at := time.UnixMicro(draws).UTC()
	r := Reservation{Sale: sale, State: "waiting", Claim: ticket, DrawsAt: &at}.Reply()
	r.Status, r.Retry = http.StatusAccepted, fmt.Append(nil, secondsUntil(now, draws))
	return r
}
