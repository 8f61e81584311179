package main

import (
	"sync"
	"time"
)

// order of the messages that happened at one moment. A later one says more.
var order = map[string]int{"reserved": 1, "prolonged": 2, "confirmed": 3, "released": 4}

// maxSeen bounds how many ids of messages are kept. An order worker sends a message again for about a day.
const maxSeen = 100_000

// records is what webhooks have told of reservations. Messages come twice and late: the newest by its own time counts, and one
// that was taken changes nothing. A shop keeps it as a table, with the message's id as a unique column.
type records struct {
	mu      sync.Mutex
	of      map[string]record // by reservation
	seen    map[string]bool   // ids of messages
	arrived []string          // the same in their order, so that the oldest is forgotten
}

type record struct {
	state string
	at    time.Time
}

func newRecords() *records { return &records{of: map[string]record{}, seen: map[string]bool{}} }

// take keeps a message and says whether it is new. Only a new one may do more, as to send a mail.
func (r *records) take(id string, m message) (fresh bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[id] {
		return false
	}
	r.seen[id], r.arrived = true, append(r.arrived, id)
	if len(r.arrived) > maxSeen {
		delete(r.seen, r.arrived[0])
		r.arrived = r.arrived[1:]
	}
	was := r.of[m.Data.Reservation]
	if m.Timestamp.After(was.at) || m.Timestamp.Equal(was.at) && order[m.Type] > order[was.state] {
		r.of[m.Data.Reservation] = record{m.Type, m.Timestamp}
	}
	return true
}

// state returns what a reservation is by its webhooks, or "" if none has come.
func (r *records) state(reservation string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.of[reservation].state
}
