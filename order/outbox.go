package order

import "time"

// Both databases share this: the look at deliveries and parked orders, and "try again".

// ParkedOrder is an order that the database refused, as an operator sees it.
type ParkedOrder struct {
	Sale        string    `json:"sale"`
	Reservation string    `json:"reservation"`
	Serial      uint32    `json:"serial"` // the first
	Units       uint32    `json:"units"`
	Kind        string    `json:"kind"` // of the event: reserved, prolonged, confirmed, cancelled, expired, refunded
	Why         string    `json:"why"`
	ParkedAt    time.Time `json:"parked_at"`
	Retry       bool      `json:"retry"` // an operator wants it tried again
}

const deliveriesQuery = `SELECT id, sale, type, number, body, at, state, attempts, next_at, last_error
	FROM deliveries WHERE state = $1 ORDER BY next_at, id LIMIT $2`

const parkedQuery = `SELECT sale, reservation, serial, units, kind, why, parked_at, retry
	FROM parked_orders ORDER BY parked_at, sale, number, serial LIMIT $1`

// resendQuery makes parked deliveries due now: all of them, or the one with that id.
const resendQuery = `UPDATE deliveries SET state = 'due', attempts = 0, next_at = $1
	WHERE state = 'parked' AND ($2 = '' OR id = $2)`
